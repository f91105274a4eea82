from django.urls import URLPattern, URLResolver, path, re_path

from organization.rest.routing import build_router
from scep import console
from scep.rest.authorities import AuthorityViewSet, ServiceCertificateViewSet
from scep.rest.certificates import CertificateViewSet
from scep.rest.held_requests import HeldRequestViewSet
from scep.rest.profiles import ScepProfileViewSet
from scep.views import pki
from scep.views import scep as scep_views

urlpatterns: list[URLPattern] = [
    path("scep/<str:profile_id>", scep_views.scep, name="scep"),
    path("scep/<str:profile_id>/<str:session_id>", scep_views.scep, name="scep_of_session"),
    # What clients append that take the URL for that of a host (RFC 8894 section 4.1), and people.
    re_path(r"^scep/(?P<profile_id>[^/]+)/(?:cgi-bin/pkiclient\.exe)?\Z", scep_views.scep),
    re_path(
        r"^scep/(?P<profile_id>[^/]+)/(?P<session_id>[^/]+)/(?:cgi-bin/pkiclient\.exe)?\Z",
        scep_views.scep,
    ),
    path("pki/crl/<str:authority_id>.crl", pki.download_crl),
    path("pki/ca/<str:authority_id>.cer", pki.download_authority),
    # Not <path:…>: base64 may hold line breaks, and an empty one is answered as well.
    re_path(r"^pki/ocsp/(?P<authority_id>[^/]+)(?:/(?P<encoded>[\s\S]*))?\Z", pki.answer_status),
]
console_urlpatterns: list[URLPattern] = console.console_urlpatterns
router = build_router()
router.register("scep/profiles", ScepProfileViewSet, basename="scep-profiles")
router.register("scep/certificates", CertificateViewSet, basename="scep-certificates")
router.register("scep/requests", HeldRequestViewSet, basename="scep-requests")
router.register("scep/authorities", AuthorityViewSet, basename="scep-authorities")
router.register(
    "scep/service-certificates", ServiceCertificateViewSet, basename="scep-service-certificates"
)

rest_urlpatterns: list[URLPattern | URLResolver] = router.urls
