"""Where each app's doors open: devices and people at the root, the console, the REST interface."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

import devices.urls
import enrollment.urls
import organization.urls
import policies.urls
import scep.urls
import webhooks.urls
from guardmdm import console, probe, rest, views
from organization.rest.errors import answer_no_such_path

handler400 = "guardmdm.views.answer_bad_request"

APPS = (
    organization.urls,
    scep.urls,
    devices.urls,
    policies.urls,
    enrollment.urls,
    webhooks.urls,
    console,
    rest,
)


def _gather(name: str) -> list[URLPattern | URLResolver]:
    return [pattern for app in APPS for pattern in getattr(app, name, [])]


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="console:dashboard")),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.metrics),
    *probe.build_urls(),
    # Accounts are made and helped by administrators; nobody signs up, and another's sign-in opens
    # none: people who sign in to enroll come by /enroll/sign-in.
    re_path(
        "^accounts/(signup|email|confirm-email|password/reset|3rdparty|social|oidc)/",
        views.answer_not_found,
    ),
    *organization.urls.account_urlpatterns,
    path("accounts/", include("allauth.urls")),
    # People type and bookmark addresses without their last slash; devices get no redirect.
    re_path("^console$", RedirectView.as_view(url="/console/")),
    path("console/", include((_gather("console_urlpatterns"), "console"))),
    re_path(r"^console/(?P<rest>[\w/-]+[^/])$", RedirectView.as_view(url="/console/%(rest)s/")),
    path("api/v1/", include((_gather("rest_urlpatterns"), "api"))),
    # Line breaks too, which no `path` matches: a program is never answered with a page.
    re_path(r"^api/v1(?:/(?P<rest>[\s\S]*))?\Z", answer_no_such_path),
    *_gather("urlpatterns"),
]
