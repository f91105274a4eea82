from django.urls import URLPattern, URLResolver, path, re_path

from organization import views
from organization.console import administrators, api_keys, audit_log, settings, sign_in
from organization.rest.collections import ApiKeyViewSet, OrganizationView
from organization.rest.errors import read_only
from organization.rest.routing import build_router
from organization.rest.views import Docs, show_schema

urlpatterns: list[URLPattern] = [
    re_path(r"^branding/(?P<colour>[0-9a-f]{6})\.css$", views.show_colours, name="brand-colours"),
    re_path(
        r"^branding/(?P<digest>[0-9a-f]{16})\.png$",
        views.show_logo,
        {"size": "page"},
        name="brand-logo",
    ),
    re_path(
        r"^branding/(?P<digest>[0-9a-f]{16})-large\.png$",
        views.show_logo,
        {"size": "large"},
        name="brand-logo-large",
    ),
]
account_urlpatterns: list[URLPattern] = sign_in.urlpatterns
console_urlpatterns: list[URLPattern] = [
    *administrators.console_urlpatterns,
    *api_keys.console_urlpatterns,
    *audit_log.console_urlpatterns,
    *settings.console_urlpatterns,
]

router = build_router()
router.register("api-keys", ApiKeyViewSet, basename="api-keys")

rest_urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", read_only(show_schema), name="schema"),
    path("docs/", read_only(Docs.as_view()), name="docs"),
    path(
        "organization",
        OrganizationView.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="organization",
    ),
    *router.urls,
]
