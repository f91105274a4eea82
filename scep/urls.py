from django.urls import URLPattern, URLResolver, path

from organization.rest.routing import build_router
from scep import console
from scep.rest.certificates import CertificateViewSet
from scep.rest.profiles import ScepProfileViewSet
from scep.views import scep as scep_views

urlpatterns: list[URLPattern] = [path("scep/<str:profile_id>", scep_views.scep, name="scep")]
console_urlpatterns: list[URLPattern] = console.console_urlpatterns
router = build_router()
router.register("scep/profiles", ScepProfileViewSet, basename="scep-profiles")
router.register("scep/certificates", CertificateViewSet, basename="scep-certificates")

rest_urlpatterns: list[URLPattern | URLResolver] = router.urls
