"""`groups`: here and not with the devices, because a group's answer names its policies."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices.errors import GroupGone, GroupInUse
from devices.models import Group
from devices.selectors import count_devices_by_group
from devices.services.groups import create_group, delete_group, update_group
from organization.rest import get_actor
from organization.rest.views import CollectionViewSet

MAX_DESCRIPTION = 1000  # characters, as in the console's form


class GroupSerializer(serializers.ModelSerializer[Group]):
    id = serializers.CharField(source="public_id", read_only=True)
    policies: Any = serializers.SlugRelatedField(
        slug_field="public_id",
        many=True,
        read_only=True,
        help_text="Set with the policy's `groups`.",
    )
    devices = serializers.SerializerMethodField(help_text="How many are in it and enrolled.")

    class Meta:
        model = Group
        fields = (
            "id",
            "name",
            "description",
            "lists_all_apps",
            "policies",
            "devices",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_devices(self, group: Group) -> int:
        return int(self.context["device_counts"][group.pk])


class GroupValuesSerializer(serializers.ModelSerializer[Group]):
    description = serializers.CharField(
        max_length=MAX_DESCRIPTION, required=False, allow_blank=True
    )

    class Meta:
        model = Group
        fields = ("name", "description", "lists_all_apps")


class GroupViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Devices that get the same policies."""

    queryset = Group.objects.prefetch_related("policies")
    serializer_class = GroupSerializer
    lookup_value_regex = "grp_[a-z0-9]+"
    filterset_fields = ("name",)
    search_fields = ("name", "description")
    ordering_fields: ClassVar = {"created_at": "id", "name": "name"}
    ordering = "name"
    service_errors: ClassVar = {GroupInUse: (409, "group_in_use"), GroupGone: (404, "not_found")}

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "device_counts": count_devices_by_group()}

    @extend_schema(request=GroupValuesSerializer, responses={201: GroupSerializer})
    def create(self, request: Request) -> Response:
        values = self.decode(request, GroupValuesSerializer)
        group = create_group(**values, actor=get_actor(request))
        return self.answer(self.get_queryset().get(pk=group.pk), status=201)

    @extend_schema(request=GroupValuesSerializer, responses=GroupSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change what the body names; what is not named stays."""
        group = self.get_object()
        values = self.decode(request, GroupValuesSerializer, instance=group, partial=True)
        update_group(group, **values, actor=get_actor(request))
        return self.answer(group)

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Refused while devices or tokens refer to it."""
        delete_group(self.get_object(), actor=get_actor(request))
        return Response(status=204)
