"""`scep/profiles`."""

from typing import ClassVar

from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from organization.models import Role
from organization.rest import get_actor
from organization.rest.views import CollectionViewSet
from scep.errors import AddressRefused, ProfileGone, ProfileInUse, ProfileInvalid, ServerUnreachable
from scep.models import ScepProfile
from scep.rest.profile_serializers import (
    ExternalCaSerializer,
    ExternalServerSerializer,
    ProfileTestSerializer,
    ScepProfileSerializer,
    ScepProfileValuesSerializer,
)
from scep.services import profile_test
from scep.services.external_servers import check_profile, fetch_ca_certificates
from scep.services.profiles import create_scep_profile, delete_scep_profile, update_scep_profile


class ScepProfileViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """How devices get an identity certificate."""

    write_role = Role.ADMINISTRATOR
    action_roles: ClassVar = {"test": Role.OPERATOR, "check": Role.OPERATOR}
    queryset = (
        ScepProfile.objects.select_related("issuing_ca")
        .prefetch_related("trusted_cas")
        .defer("issuing_ca__private_key", "issuing_ca__certificate")
    )
    serializer_class = ScepProfileSerializer
    lookup_value_regex = "scep_[a-z0-9]+"
    filterset_fields = ("challenge_type", "server_type", "allow_legacy")
    search_fields = ("name",)
    ordering_fields: ClassVar = {"created_at": "id", "name": "name"}
    ordering = "name"
    service_errors: ClassVar = {
        ProfileInvalid: (400, "invalid"),
        ProfileGone: (404, "not_found"),
        ProfileInUse: (409, "scep_profile_in_use"),
        AddressRefused: (400, "address_refused"),
        ServerUnreachable: (502, "scep_server_unreachable"),
    }

    @extend_schema(request=ScepProfileValuesSerializer, responses={201: ScepProfileSerializer})
    def create(self, request: Request) -> Response:
        """Without more than a name: our own CA, and a challenge for each enrollment."""
        values = self.decode(request, ScepProfileValuesSerializer)
        return self.answer(create_scep_profile(**values, actor=get_actor(request)), status=201)

    @extend_schema(request=ScepProfileValuesSerializer, responses=ScepProfileSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change what the body names; secrets and trusted CAs that are not named stay."""
        values = self.decode(request, ScepProfileValuesSerializer, partial=True)
        row = update_scep_profile(self.get_object(), **values, actor=get_actor(request))
        return self.answer(self.get_queryset().get(pk=row.pk))

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Refused while a certificate, or a token that is good for anything, refers to it."""
        delete_scep_profile(self.get_object(), actor=get_actor(request))
        return Response(status=204)

    @extend_schema(request=None, responses=ProfileTestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, id: str) -> Response:
        """Ask the profile's server as a device would; a certificate made for it is revoked."""
        steps = profile_test.try_profile(self.get_object(), now=timezone.now())
        values = {"ok": all(step.ok for step in steps), "steps": steps}
        return Response(ProfileTestSerializer(values).data)

    @extend_schema(request=None, responses=ScepProfileSerializer)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, id: str) -> Response:
        """Ask an external server for its CA now; `check` in the answer says what was found."""
        return self.answer(check_profile(self.get_object(), now=timezone.now()))

    @extend_schema(
        operation_id="scep_profiles_fetch_ca",
        request=ExternalServerSerializer,
        responses=ExternalCaSerializer,
    )
    @action(detail=False, methods=["post"], url_path="fetch-ca")
    def fetch_ca(self, request: Request) -> Response:
        """What an external server says of its CA: compare the fingerprint before you trust it."""
        values = self.decode(request, ExternalServerSerializer)
        found = fetch_ca_certificates(values["external_url"], ca_name=values["ca_name"])
        pem = "".join(each.public_bytes(Encoding.PEM).decode() for each in found.certificates)
        answer = {**vars(found), "certificates": pem}
        return Response(ExternalCaSerializer(answer).data)
