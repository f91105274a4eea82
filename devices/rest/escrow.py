"""`devices/{id}/secrets`: what is kept of a device, revealed to administrators."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import Device, EscrowedSecret
from devices.selectors import list_secrets
from devices.services.escrow import reveal_secret
from organization.models import Role
from organization.rest import get_actor
from organization.rest.views import CollectionViewSet

DEVICE = OpenApiParameter("id", str, OpenApiParameter.PATH)
SECRET = OpenApiParameter("secret", str, OpenApiParameter.PATH)


class EscrowedSecretSerializer(serializers.ModelSerializer[EscrowedSecret]):
    """A kept secret without its value. `confirmed_at` is null until the device has answered."""

    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = EscrowedSecret
        fields: tuple[str, ...] = ("id", "kind", "created_at", "confirmed_at")
        read_only_fields = fields


class RevealedSecretSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="Empty: the device has none of this kind any more.")


@extend_schema(parameters=[DEVICE])
class DeviceSecretsViewSet(ListModelMixin, CollectionViewSet):
    """Passwords, recovery keys, bypass codes and locations of one device."""

    queryset = EscrowedSecret.objects.all()
    serializer_class = EscrowedSecretSerializer
    read_role = Role.ADMINISTRATOR
    write_role = Role.ADMINISTRATOR
    ordering_fields: ClassVar = {"created_at": "id"}

    def get_queryset(self) -> QuerySet[EscrowedSecret]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return list_secrets(get_object_or_404(Device, public_id=self.kwargs["id"]))

    @extend_schema(request=None, responses=RevealedSecretSerializer, parameters=[DEVICE, SECRET])
    def reveal(self, request: Request, id: str, secret: str) -> Response:
        """Return the secret; who has asked is noted in the audit log."""
        row = get_object_or_404(self.get_queryset(), public_id=secret)
        return Response({"value": reveal_secret(row, actor=get_actor(request))})
