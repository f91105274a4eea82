from django.urls import URLPattern, URLResolver, path

from organization.console import sections
from organization.rest.collections import ApiKeyViewSet, OrganizationView
from organization.rest.routing import build_router
from organization.rest.views import Docs, show_schema

urlpatterns: list[URLPattern] = []
console_urlpatterns: list[URLPattern] = sections.console_urlpatterns

router = build_router()
router.register("api-keys", ApiKeyViewSet, basename="api-keys")

rest_urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", show_schema, name="schema"),
    path("docs/", Docs.as_view(), name="docs"),
    path("organization", OrganizationView.as_view({"get": "retrieve"}), name="organization"),
    *router.urls,
]
