from django.urls import URLPattern, URLResolver, re_path

from organization.rest.routing import build_router
from policies import console, views
from policies.rest.groups import GroupViewSet
from policies.rest.items import ItemsViewSet
from policies.rest.packages import PackageViewSet
from policies.rest.policies import PolicyViewSet
from policies.rest.progress import PolicyStatusView

urlpatterns: list[URLPattern] = [
    re_path(r"^apps/(?P<address>[0-9a-f]{32})/manifest\.plist$", views.show_manifest),
    re_path(r"^apps/(?P<address>[0-9a-f]{32})/package\.(?P<kind>ipa|pkg)$", views.download),
]
console_urlpatterns: list[URLPattern] = console.console_urlpatterns
POLICY = "^policies/(?P<id>pol_[a-z0-9]+)"
router = build_router()
router.register("groups", GroupViewSet, basename="groups")
router.register("policies", PolicyViewSet, basename="policies")
router.register("packages", PackageViewSet, basename="packages")

rest_urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
    re_path(f"{POLICY}/items$", ItemsViewSet.as_view({"post": "create"}), name="policy-items"),
    re_path(
        f"{POLICY}/items/(?P<item>itm_[a-z0-9]+)$",
        ItemsViewSet.as_view({"put": "update", "delete": "destroy"}),
        name="policy-item",
    ),
    re_path(
        "^devices/(?P<id>dev_[a-z0-9]+)/policy-status$",
        PolicyStatusView.as_view({"get": "retrieve"}),
        name="device-policy-status",
    ),
    re_path(
        "^devices/(?P<id>dev_[a-z0-9]+)/policy-status/retry$",
        PolicyStatusView.as_view({"post": "retry"}),
        name="device-policy-status-retry",
    ),
]
