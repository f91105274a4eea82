"""`commands` and `devices/{id}/commands`."""

import base64
import re
from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices.errors import CommandInvalid, CommandNotObeyable, CommandOver, NotEnrolled
from devices.models import (
    OPEN_STATES,
    BulkCommand,
    Command,
    CommandState,
    Device,
    UserChannel,
)
from devices.models.command import HAS_NO_END, OVER
from devices.protocol.commands import COMMAND_TYPES, get_minimum_role
from devices.protocol.json_values import LEFT_OUT, LONGEST_ANSWER, MOST_ERRORS
from devices.rest.command_schema import build_new_command_schema
from devices.services.actions import cancel_command, queue_command
from devices.services.raw_commands import MAX_RAW_COMMAND, queue_raw_command
from organization.models import Role
from organization.rest import get_actor
from organization.rest.filters import (
    NewestSearchFilter,
    RowFilter,
    RowFilters,
    StrictFilterBackend,
)
from organization.rest.permissions import require_role
from organization.rest.repeatable import IDEMPOTENCY_KEY, REPEATABLE_ERRORS, make_repeatably
from organization.rest.views import CollectionViewSet

UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class CommandSerializer(serializers.ModelSerializer[Command]):
    """A command without its body, which may hold a PIN or a profile's secrets."""

    id = serializers.CharField(source="public_id", read_only=True)
    device = serializers.CharField(source="enrollment.device.public_id", read_only=True)
    user = serializers.CharField(
        source="user_channel.public_id",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="Null: the device's own channel.",
    )

    class Meta:
        model = Command
        fields: tuple[str, ...] = (
            "id",
            "uuid",
            "device",
            "user",
            "request_type",
            "state",
            "priority",
            "origin",
            "attempts",
            "created_at",
            "sent_at",
            "not_before",
            "expires_at",
            "completed_at",
        )
        read_only_fields = fields
        extra_kwargs: ClassVar = {
            "not_before": {
                "help_text": "After NotNow: when the device is woken for it again. Sent without an "
                "answer: when it is offered again."
            }
        }


class CommandWithResultSerializer(CommandSerializer):
    result = serializers.DictField(
        read_only=True,
        help_text=f"Of an answer larger than {LONGEST_ANSWER} characters of JSON its first part; "
        f"`{LEFT_OUT}` says so.",
    )
    error_chain = serializers.ListField(
        child=serializers.DictField(),
        read_only=True,
        help_text=f"Of more than {MOST_ERRORS} errors the first; the last entry says so.",
    )

    class Meta(CommandSerializer.Meta):
        fields = (*CommandSerializer.Meta.fields, "result", "error_chain")
        read_only_fields = fields


class NewCommandSerializer(serializers.Serializer[Any]):
    request_type = serializers.ChoiceField(choices=sorted(COMMAND_TYPES))
    parameters = serializers.DictField(default=dict)
    user = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=32,
        help_text="A user of the device (`usr_…`): the command goes to their channel.",
    )
    expires_at = serializers.DateTimeField(
        required=False,
        help_text="It is not handed out after that moment; by default the RequestType decides.",
    )


class RawCommandSerializer(serializers.Serializer[Any]):
    command = serializers.CharField(
        max_length=2 * MAX_RAW_COMMAND,
        help_text="The Command dictionary as a property list, base64; its RequestType may be any.",
    )

    def validate_command(self, value: str) -> bytes:
        try:
            return base64.b64decode(value, validate=True)
        except ValueError as error:
            raise serializers.ValidationError("This is not base64.") from error


class CommandSearch(NewestSearchFilter):
    def find_whole(self, term: str, view: Any) -> str | None:
        return "uuid" if UUID.fullmatch(term) else None


class StateFilter(filters.MultipleChoiceFilter):  # type: ignore[misc]
    def filter(self, rows: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        """Those that are open have indexes of their own, in which the others are not read."""
        found: QuerySet[Any] = super().filter(rows, value)
        return found.filter(HAS_NO_END) if value and set(value) <= set(OPEN_STATES) else found


class CommandFilters(RowFilters):
    state = StateFilter(choices=CommandState.choices, distinct=False)
    request_type = filters.CharFilter()
    device = RowFilter(Device, "device")
    user = RowFilter(UserChannel, "user_channel")
    bulk = RowFilter(BulkCommand, "bulk")


class CommandViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """MDM commands to all devices."""

    queryset = Command.objects.select_related("enrollment__device", "user_channel").only(
        *(name for name in CommandSerializer.Meta.fields if name not in ("id", "device", "user")),
        "public_id",
        "enrollment__device__public_id",
        "user_channel__public_id",
    )
    lookup_value_regex = "cmd_[a-z0-9]+"
    filterset_class = CommandFilters
    filter_backends = (StrictFilterBackend, CommandSearch)
    search_fields = ("uuid", "request_type", "origin")
    ordering_fields: ClassVar = {"created_at": "id", "completed_at": "completed_at"}
    ordering_shares: ClassVar = {"completed_at": OVER}
    service_errors: ClassVar = {
        NotEnrolled: (409, "not_enrolled"),
        CommandNotObeyable: (409, "command_not_obeyable"),
        CommandInvalid: (400, "command_invalid"),
        CommandOver: (409, "command_over"),
    }

    def get_serializer_class(self) -> Any:
        return CommandSerializer if self.action == "list" else CommandWithResultSerializer

    @extend_schema(request=None, responses=CommandWithResultSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Take it back; the device is not offered it again.

        A device that has been handed it (`sent`) may obey all the same, and its answer counts.
        The role that queues a command cancels it.
        """
        command = self.get_object()
        _require_role(request, command.request_type)
        return self.answer(cancel_command(command, actor=get_actor(request)))


@extend_schema(parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH)])
class DeviceCommandsViewSet(ListModelMixin, CollectionViewSet):
    """The commands of one device, through all its enrollments."""

    queryset = CommandViewSet.queryset
    serializer_class = CommandSerializer
    filterset_class = CommandFilters
    ordering_fields: ClassVar = CommandViewSet.ordering_fields
    ordering_shares: ClassVar = CommandViewSet.ordering_shares
    service_errors: ClassVar = {**CommandViewSet.service_errors, **REPEATABLE_ERRORS}
    action_roles: ClassVar = {"create_raw": Role.ADMINISTRATOR}

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        device = self._get_device()
        return super().filter_queryset(queryset.filter(device=device))

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request={"application/json": build_new_command_schema()},
        responses={201: CommandWithResultSerializer},
    )
    def create(self, request: Request, id: str) -> Response:
        """Queue a command; one that waits already is answered again where one is enough.

        A command that the device is known not to obey is refused with `command_not_obeyable`
        and the reason. Some commands need the role Administrator.
        """
        values = self.decode(request, NewCommandSerializer)
        _require_role(request, values["request_type"])
        device, actor = self._get_device(), get_actor(request)
        return self._answer_new(request, lambda: queue_command(device, **values, actor=actor))

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=RawCommandSerializer,
        responses={201: CommandWithResultSerializer},
    )
    def create_raw(self, request: Request, id: str) -> Response:
        """Queue a command as it is, known to this server or not; nothing is added to it."""
        content = self.decode(request, RawCommandSerializer)["command"]
        device, actor = self._get_device(), get_actor(request)
        return self._answer_new(
            request, lambda: queue_raw_command(device, content=content, actor=actor)
        )

    @staticmethod
    def _answer_new(request: Request, queue: Callable[[], Command]) -> Response:
        made = make_repeatably(request, lambda: queue().public_id)
        command = get_object_or_404(Command, public_id=made)
        return Response(CommandWithResultSerializer(command).data, status=201)

    def _get_device(self) -> Device:
        return get_object_or_404(Device, public_id=self.kwargs["id"])


def _require_role(request: Request, request_type: str) -> None:
    require_role(request, get_minimum_role(request_type), what=request_type)
