"""`scep/authorities` and `scep/service-certificates`: the CAs and what this server itself uses."""

from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from organization.models import Role
from organization.rest import get_actor
from organization.rest.errors import ServiceErrors
from organization.rest.views import CollectionViewSet
from scep.errors import AuthorityConflict, AuthorityInvalid
from scep.models import CertificateAuthority, ServiceCertificate, ServicePurpose
from scep.rest.authority_serializers import (
    AuthoritySerializer,
    AuthorityWithPemSerializer,
    ExportSerializer,
    ImportSerializer,
    PrepareSerializer,
    RotationSerializer,
    ServiceCertificateSerializer,
)
from scep.rest.certificates import RevocationSerializer
from scep.services.authority_end import revoke_authority, rotate_authority
from scep.services.authority_import import import_authority
from scep.services.escrow import export_authority
from scep.services.revocation import revoke_service_certificate
from scep.services.rotation import activate_authority, cancel_authority, prepare_authority
from scep.services.service_certificates import rotate_service_certificate

PKCS12 = "application/x-pkcs12"
# A conflict is an AuthorityInvalid too: it stands first.
SERVICE_ERRORS: ServiceErrors = {
    AuthorityConflict: (409, "authority_conflict"),
    AuthorityInvalid: (400, "authority_invalid"),
}


class AuthorityViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Certificate authorities: our own, imported ones, and those of external servers."""

    write_role = Role.ADMINISTRATOR
    queryset = CertificateAuthority.objects.select_related("parent", "revocation_list").defer(
        "private_key", "parent__private_key", "parent__certificate", "revocation_list__der"
    )
    lookup_value_regex = "ca_[a-z0-9]+"
    filterset_fields = ("role", "state")
    search_fields = ("name", "fingerprint")
    ordering_fields: ClassVar = {"created_at": "id", "not_after": "not_after"}
    service_errors: ClassVar = SERVICE_ERRORS

    def get_serializer_class(self) -> Any:
        return AuthoritySerializer if self.action == "list" else AuthorityWithPemSerializer

    @extend_schema(request=PrepareSerializer, responses={201: AuthorityWithPemSerializer})
    def create(self, request: Request) -> Response:
        """Prepare the next issuing CA; it issues once it is activated."""
        values = self.decode(request, PrepareSerializer)
        row = prepare_authority(**values, actor=get_actor(request), now=timezone.now())
        return self.answer(row, status=201)

    @extend_schema(
        operation_id="scep_authorities_import",
        request=ImportSerializer,
        responses={201: AuthorityWithPemSerializer},
    )
    @action(detail=False, methods=["post"], url_path="import")
    def import_ca(self, request: Request) -> Response:
        """Import an own issuing CA with its key; it issues once it is activated."""
        values = self.decode(request, ImportSerializer)
        key = values["key"].encode() or None
        row = import_authority(
            values["bundle"],
            key=key,
            password=values["password"],
            actor=get_actor(request),
            now=timezone.now(),
        )
        return self.answer(row, status=201)

    @extend_schema(request=None, responses=AuthorityWithPemSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, id: str) -> Response:
        """Let the next CA issue from now on; the one before it retires."""
        actor, now = get_actor(request), timezone.now()
        return self.answer(activate_authority(self.get_object(), actor=actor, now=now))

    @extend_schema(request=None, responses=AuthorityWithPemSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, id: str) -> Response:
        """The CA without an RA (role `single`) gives way to a new one, which is answered."""
        actor, now = get_actor(request), timezone.now()
        return self.answer(rotate_authority(self.get_object(), actor=actor, now=now))

    @extend_schema(request=RevocationSerializer, responses=AuthorityWithPemSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """A retired CA, for good: its devices get identities of another CA, within the hour."""
        row = self.get_object()
        reason = self.decode(request, RevocationSerializer)["reason"]
        revoke_authority(row, reason=reason, actor=get_actor(request), now=timezone.now())
        return self.answer(row)

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Cancel the next CA; any other is refused."""
        cancel_authority(self.get_object(), actor=get_actor(request))
        return Response(status=204)

    @extend_schema(request=ExportSerializer, responses={(200, PKCS12): OpenApiTypes.BINARY})
    @action(detail=True, methods=["post"])
    def export(self, request: Request, id: str) -> HttpResponse:
        """The CA with its key as PKCS#12 (AES-256) under the password, for escrow."""
        password = self.decode(request, ExportSerializer)["password"]
        content = export_authority(
            self.get_object(), password=password, actor=get_actor(request), now=timezone.now()
        )
        return HttpResponse(content, content_type=PKCS12)


class ServiceCertificateViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Certificates that this server uses itself: RA, profile signing, OCSP, TLS."""

    write_role = Role.ADMINISTRATOR
    queryset = ServiceCertificate.objects.select_related("issuer").defer(
        "private_key", "certificate", "issuer__private_key", "issuer__certificate"
    )
    serializer_class = ServiceCertificateSerializer
    lookup_value_regex = "svc_[a-z0-9]+"
    filterset_fields = ("purpose", "is_active")
    search_fields = ("serial", "fingerprint")
    ordering_fields: ClassVar = {"created_at": "id", "not_after": "not_after"}
    service_errors: ClassVar = SERVICE_ERRORS

    @extend_schema(request=RotationSerializer, responses={201: ServiceCertificateSerializer})
    def create(self, request: Request) -> Response:
        """Rotate: a new key and certificate take over; the old ones work until they expire."""
        purpose = ServicePurpose(self.decode(request, RotationSerializer)["purpose"])
        row = rotate_service_certificate(purpose, actor=get_actor(request), now=timezone.now())
        return self.answer(row, status=201)

    @extend_schema(request=RevocationSerializer, responses=ServiceCertificateSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """For good; again changes nothing. An RA or profile signer in use is to be rotated first.

        A TLS certificate in use is shown to clients until another takes its place: within twelve
        hours, or at once when the server is started again.
        """
        row = self.get_object()
        reason = self.decode(request, RevocationSerializer)["reason"]
        revoke_service_certificate(row, reason=reason, now=timezone.now(), actor=get_actor(request))
        return self.answer(row)
