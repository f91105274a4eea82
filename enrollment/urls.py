from django.urls import URLPattern, re_path

from enrollment import console
from enrollment.rest.log import LogViewSet, TimelineViewSet
from enrollment.rest.sessions import SessionViewSet
from enrollment.rest.tokens import TokenViewSet
from organization.rest.routing import build_router

urlpatterns: list[URLPattern] = []
console_urlpatterns: list[URLPattern] = console.console_urlpatterns

router = build_router()
router.register("enrollment/tokens", TokenViewSet, basename="tokens")
router.register("enrollment/sessions", SessionViewSet, basename="sessions")
router.register("enrollment/log", LogViewSet, basename="log")

rest_urlpatterns: list[URLPattern] = [
    *router.urls,
    re_path(
        "^devices/(?P<id>dev_[a-z0-9]+)/timeline$",
        TimelineViewSet.as_view({"get": "list"}),
        name="device-timeline",
    ),
]
