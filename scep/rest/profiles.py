"""`scep/profiles`."""

from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from organization.rest import get_actor
from organization.rest.views import CollectionViewSet
from scep.errors import ProfileInUse, ProfileInvalid
from scep.models import ChallengeType, ScepProfile
from scep.selectors import get_ca_certificate_fingerprint
from scep.services.profiles import (
    KEY_SIZES,
    MAX_VALIDITY_DAYS,
    create_scep_profile,
    delete_scep_profile,
    update_scep_profile,
)

WRITABLE = ("name", "challenge_type", "allow_legacy", "key_size", "validity_days")


class ScepProfileSerializer(serializers.ModelSerializer[ScepProfile]):
    id = serializers.CharField(source="public_id", read_only=True)
    server_url = serializers.SerializerMethodField()
    ca_fingerprint = serializers.SerializerMethodField(
        help_text="SHA-256 of the CA certificate, hex."
    )

    class Meta:
        model = ScepProfile
        fields = ("id", *WRITABLE, "server_url", "ca_fingerprint", "created_at", "updated_at")
        read_only_fields = fields

    def get_server_url(self, profile: ScepProfile) -> str:
        return f"{settings.BASE_URL}/scep/{profile.public_id}"

    def get_ca_fingerprint(self, profile: ScepProfile) -> str:
        return get_ca_certificate_fingerprint(profile).hex()


class ScepProfileValuesSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    challenge_type = serializers.ChoiceField(
        choices=ChallengeType.choices, default=ChallengeType.DYNAMIC
    )
    static_challenge = serializers.CharField(
        max_length=255, required=False, write_only=True, help_text="Never shown again."
    )
    allow_legacy = serializers.BooleanField(
        default=False, help_text="Accept 3DES and SHA-1 from devices that know nothing better."
    )
    key_size = serializers.ChoiceField(choices=KEY_SIZES, default=2048)
    validity_days = serializers.IntegerField(min_value=1, max_value=MAX_VALIDITY_DAYS, default=365)


class ScepProfileViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """How devices get an identity certificate."""

    queryset = ScepProfile.objects.select_related("issuing_ca").defer(
        "static_challenge", "issuing_ca__private_key", "issuing_ca__certificate"
    )
    serializer_class = ScepProfileSerializer
    lookup_value_regex = "scep_[a-z0-9]+"
    filterset_fields = ("challenge_type", "allow_legacy")
    search_fields = ("name",)
    ordering_fields: ClassVar = {"created_at": "id", "name": "name"}
    ordering = "name"
    service_errors: ClassVar = {
        ProfileInvalid: (400, "invalid"),
        ProfileInUse: (409, "scep_profile_in_use"),
    }

    @extend_schema(request=ScepProfileValuesSerializer, responses={201: ScepProfileSerializer})
    def create(self, request: Request) -> Response:
        values = self.decode(request, ScepProfileValuesSerializer)
        return self.answer(create_scep_profile(**values, actor=get_actor(request)), status=201)

    @extend_schema(request=ScepProfileValuesSerializer, responses=ScepProfileSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change what the body names; a static challenge that is not named stays."""
        profile = self.get_object()
        values = self.decode(request, ScepProfileValuesSerializer, partial=True)
        values = {name: getattr(profile, name) for name in WRITABLE} | values
        return self.answer(update_scep_profile(profile, **values, actor=get_actor(request)))

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        delete_scep_profile(self.get_object(), actor=get_actor(request))
        return Response(status=204)
