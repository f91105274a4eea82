"""`bulk-commands`: one command for many devices."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices.errors import CommandInvalid, CommandOver
from devices.models import BulkCommand, Device, Group
from devices.protocol.commands import COMMAND_TYPES, get_command_type
from devices.selectors import (
    count_bulk_states,
    list_group_device_keys,
    list_refused_devices,
)
from devices.services.bulk_commands import MOST_NAMED, cancel_bulk, get_bulk_role, request_bulk
from organization.rest import get_actor
from organization.rest.fields import RowField, RowsField, build_choice_error
from organization.rest.permissions import require_role
from organization.rest.repeatable import IDEMPOTENCY_KEY, REPEATABLE_ERRORS, make_repeatably
from organization.rest.views import CollectionViewSet

NOT_FOR_MANY = (
    "There is no such command for many devices; what cannot be undone is sent to one at a time."
)


class BulkCommandSerializer(serializers.ModelSerializer[BulkCommand]):
    id = serializers.CharField(source="public_id", read_only=True)
    request_type = serializers.CharField(source="name", read_only=True)
    refusals = serializers.DictField(
        child=serializers.IntegerField(),
        read_only=True,
        help_text="Reasons, and how many devices have each.",
    )

    class Meta:
        model = BulkCommand
        fields: tuple[str, ...] = (
            "id",
            "request_type",
            "actor",
            "total",
            "queued",
            "joined",
            "refused",
            "refusals",
            "created_at",
            "finished_at",
        )
        read_only_fields = fields


class RefusedDeviceSerializer(serializers.Serializer[Any]):
    device = serializers.CharField()
    reason = serializers.CharField()


class BulkCommandWithStatesSerializer(BulkCommandSerializer):
    states = serializers.SerializerMethodField(
        help_text="How many of its commands are in which state; `commands?bulk={id}` lists them."
    )
    refused_devices = serializers.SerializerMethodField(
        help_text=f"The first {MOST_NAMED} that it was not sent to."
    )

    class Meta(BulkCommandSerializer.Meta):
        fields = (*BulkCommandSerializer.Meta.fields, "states", "refused_devices")
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_states(self, bulk: BulkCommand) -> dict[str, int]:
        return count_bulk_states(bulk)

    @extend_schema_field(RefusedDeviceSerializer(many=True))
    def get_refused_devices(self, bulk: BulkCommand) -> list[dict[str, str]]:
        return [
            {"device": device.public_id, "reason": reason}
            for device, reason in list_refused_devices(bulk)
        ]


class NewBulkCommandSerializer(serializers.Serializer[Any]):
    request_type = serializers.ChoiceField(
        choices=sorted(name for name, kind in COMMAND_TYPES.items() if not kind.is_destructive),
        error_messages={"invalid_choice": NOT_FOR_MANY},
        help_text="As for one device; not one that cannot be undone.",
    )
    parameters = serializers.DictField(default=dict)
    devices = RowsField(queryset=Device.objects.only("public_id"), required=False)
    group = RowField(queryset=Group.objects.all(), required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("devices" in attrs) == ("group" in attrs):
            raise build_choice_error("devices", "group")
        return attrs


class BulkCommandViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Commands for many devices, and how far each is."""

    queryset = BulkCommand.objects.defer("parameters", "waiting", "refused_devices")
    serializer_class = BulkCommandSerializer
    lookup_value_regex = "blk_[a-z0-9]+"
    ordering_fields: ClassVar = {"created_at": "id"}
    service_errors: ClassVar = {
        CommandInvalid: (400, "command_invalid"),
        CommandOver: (409, "command_over"),
        **REPEATABLE_ERRORS,
    }

    def get_serializer_class(self) -> Any:
        return (
            BulkCommandWithStatesSerializer if self.action == "retrieve" else BulkCommandSerializer
        )

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=NewBulkCommandSerializer,
        responses={202: BulkCommandSerializer},
    )
    def create(self, request: Request) -> Response:
        """Queue one command for chosen devices or for all of a group; this happens by and by."""
        values = self.decode(request, NewBulkCommandSerializer)
        name = values["request_type"]
        require_role(request, get_command_type(name).minimum_role, what=name)
        if "group" in values:
            keys = list_group_device_keys(values["group"])
        else:
            keys = [device.pk for device in values["devices"]]
        parameters, actor = values["parameters"], get_actor(request)

        def make() -> str:
            return request_bulk(keys, name=name, parameters=parameters, actor=actor).public_id

        made = make_repeatably(request, make)
        bulk = get_object_or_404(self.get_queryset(), public_id=made)
        return Response(BulkCommandSerializer(bulk).data, status=202)

    @extend_schema(request=None, responses=BulkCommandWithStatesSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Ask no further device, and take back what is not answered yet."""
        bulk = self.get_object()
        require_role(request, get_bulk_role(bulk.name), what=bulk.name)
        row = cancel_bulk(bulk, actor=get_actor(request), now=timezone.now())
        return Response(BulkCommandWithStatesSerializer(row).data)
