"""`organization` and `api-keys`."""

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from organization.errors import ApiKeyExists, ApiKeyTooLong
from organization.models import ApiKey, Organization, Role, ServerTrust
from organization.protocol.logo import MAX_BYTES, LogoRefused
from organization.rest.authentication import get_actor
from organization.rest.fields import Base64File
from organization.rest.views import CollectionViewSet, RestViewSet
from organization.selectors import get_organization
from organization.services.api_keys import create_successor, revoke_api_key
from organization.services.settings import change_settings


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    id = serializers.CharField(source="public_id", read_only=True)
    logo_url = serializers.SerializerMethodField(
        help_text="Of the logo as a PNG file; null without one."
    )

    class Meta:
        model = Organization
        fields = (
            "id",
            "name",
            "support_contact",
            "accent_colour",
            "logo_url",
            "server_trust",
            "server_trust_found",
            "enrollment_stopped_at",
            "enrollment_stopped_by",
            "created_at",
        )
        read_only_fields = fields

    def get_logo_url(self, row: Organization) -> str | None:
        if not row.logo_digest:
            return None
        return settings.BASE_URL + reverse("brand-logo-large", args=[row.logo_digest])


class OrganizationChangesSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200, required=False)
    support_contact = serializers.CharField(max_length=200, allow_blank=True, required=False)
    accent_colour = serializers.RegexField(
        "^#[0-9A-Fa-f]{6}$", allow_blank=True, required=False, help_text="Empty: GuardMDM's blue."
    )
    server_trust = serializers.ChoiceField(choices=ServerTrust.choices, required=False)
    enrollment_stopped = serializers.BooleanField(
        required=False, help_text="Whether every new enrollment is refused."
    )
    logo = Base64File(
        max_bytes=MAX_BYTES,
        allow_null=True,
        required=False,
        help_text="PNG or JPEG, as Base64; null removes it.",
    )


class OrganizationView(RestViewSet):
    """The organization that this server belongs to."""

    write_role = Role.ADMINISTRATOR
    service_errors: ClassVar = {LogoRefused: (400, "logo_refused")}

    @extend_schema(operation_id="organization_retrieve", responses=OrganizationSerializer)
    def retrieve(self, request: Request) -> Response:
        return Response(OrganizationSerializer(get_organization()).data)

    @extend_schema(
        operation_id="organization_update",
        request=OrganizationChangesSerializer,
        responses=OrganizationSerializer,
    )
    def partial_update(self, request: Request) -> Response:
        """Change name, help contact, accent colour, logo, stop; what is not named stays."""
        values = self.decode(request, OrganizationChangesSerializer)
        names_logo, logo = "logo" in values, values.pop("logo", None)
        row = change_settings(
            get_organization(),
            actor=get_actor(request),
            logo=logo,
            removes_logo=names_logo,
            stops=values.pop("enrollment_stopped", None),
            **values,
        )
        return Response(OrganizationSerializer(row).data)


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id",
            "name",
            "role",
            "hint",
            "created_at",
            "last_used_at",
            "expires_at",
            "revoked_at",
        )
        read_only_fields = fields


class NewApiKeySerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.AUDITOR)
    expires_at = serializers.DateTimeField(
        allow_null=True,
        default=None,
        help_text="Null: never, or with the key that makes this one.",
    )

    def validate_expires_at(self, moment: datetime | None) -> datetime | None:
        if moment is not None and moment <= timezone.now():
            raise serializers.ValidationError("the expiration is not in the future")
        return moment


class CreatedApiKeySerializer(ApiKeySerializer):
    key = serializers.CharField(read_only=True, help_text="Shown this once; only its hash is kept.")

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "key")
        read_only_fields = fields


class ApiKeyViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Programs' keys to this interface."""

    read_role = write_role = Role.ADMINISTRATOR
    queryset = ApiKey.objects.all()
    serializer_class = ApiKeySerializer
    service_errors: ClassVar = {
        ApiKeyExists: (409, "name_taken"),
        ApiKeyTooLong: (400, "expires_too_late"),
    }
    search_fields = ("name",)
    ordering_fields: ClassVar = {"created_at": "id", "name": "name", "last_used_at": "last_used_at"}

    @extend_schema(request=NewApiKeySerializer, responses={201: CreatedApiKeySerializer})
    def create(self, request: Request) -> Response:
        """A name in use is refused (409), and so is a key that outlives the one that makes it."""
        values = self.decode(request, NewApiKeySerializer)
        maker: Any = request.auth  # the key itself, see ApiKeyAuthentication
        row, text = create_successor(maker, **values, actor=get_actor(request))
        return Response({**ApiKeySerializer(row).data, "key": text}, status=201)

    @extend_schema(request=None, responses=ApiKeySerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """From its next request on, the key is refused."""
        row = self.get_object()
        revoke_api_key(row, actor=get_actor(request))
        row.refresh_from_db()
        return self.answer(row)
