"""`organization` and `api-keys`."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from organization.models import ApiKey, Organization, Role
from organization.rest.authentication import get_actor
from organization.rest.views import CollectionViewSet, RestViewSet
from organization.selectors import get_organization
from organization.services.api_keys import create_api_key, revoke_api_key


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = Organization
        fields = ("id", "name", "support_contact", "created_at")
        read_only_fields = fields


class OrganizationView(RestViewSet):
    """The organization that this server belongs to."""

    @extend_schema(operation_id="organization_retrieve", responses=OrganizationSerializer)
    def retrieve(self, request: Request) -> Response:
        return Response(OrganizationSerializer(get_organization()).data)


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
            "revoked_at",
        )
        read_only_fields = fields


class NewApiKeySerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.AUDITOR)


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
    search_fields = ("name",)
    ordering_fields: ClassVar = {"created_at": "id", "name": "name", "last_used_at": "last_used_at"}

    @extend_schema(request=NewApiKeySerializer, responses={201: CreatedApiKeySerializer})
    def create(self, request: Request) -> Response:
        values = self.decode(request, NewApiKeySerializer)
        row, text = create_api_key(**values, actor=get_actor(request))
        return Response({**ApiKeySerializer(row).data, "key": text}, status=201)

    @extend_schema(request=None, responses=ApiKeySerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """From its next request on, the key is refused."""
        row = self.get_object()
        revoke_api_key(row, actor=get_actor(request))
        row.refresh_from_db()
        return self.answer(row)
