"""`devices`, and what is done to one of them."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices.errors import NotEnrolled, StillEnrolled, WarningGone
from devices.models import LARGE_OF_DEVICE, Device, Enrollment, Group
from devices.rest.channels import StatusReportSerializer, UserChannelSerializer
from devices.rest.device_filters import DeviceFilters, DeviceSearch
from devices.selectors import list_enrollments, list_status_reports, list_user_channels
from devices.services import actions
from devices.services.deletion import delete_device
from organization.models import Role
from organization.rest import get_actor
from organization.rest.fields import RowField
from organization.rest.filters import StrictFilterBackend
from organization.rest.views import CollectionViewSet

FACTS = (
    "udid",
    "is_user_enrollment",
    "serial_number",
    "name",
    "owner",
    "owner_name",
    "group",
    "status",
    "status_reason",
    "warning",
    "platform",
    "model",
    "model_name",
    "product_name",
    "os_version",
    "build_version",
    "last_seen_at",
    "enrolled_at",
    "created_at",
)


class DeviceSerializer(serializers.ModelSerializer[Device]):
    id = serializers.CharField(source="public_id", read_only=True)
    group: Any = serializers.SlugRelatedField(
        slug_field="public_id", read_only=True, allow_null=True
    )

    class Meta:
        model = Device
        fields: tuple[str, ...] = ("id", *FACTS)
        read_only_fields = fields


class EnrollmentSerializer(serializers.ModelSerializer[Enrollment]):
    """One of a device's enrollments; its session tells the token."""

    id = serializers.CharField(source="public_id", read_only=True)
    session = serializers.CharField(source="session_id", read_only=True)
    group: Any = serializers.SlugRelatedField(
        slug_field="public_id",
        read_only=True,
        allow_null=True,
        help_text="The group that its token named.",
    )

    class Meta:
        model = Enrollment
        fields = (
            "id",
            "state",
            "session",
            "group",
            "certificate_sha256",
            "created_at",
            "ended_at",
            "last_seen_at",
        )
        read_only_fields = fields


class DeviceWithReportsSerializer(DeviceSerializer):
    information = serializers.DictField(
        read_only=True, help_text="QueryResponses of its last DeviceInformation."
    )
    security = serializers.DictField(read_only=True, help_text="SecurityInfo of its last answer.")
    users = serializers.SerializerMethodField(help_text="Users with a channel of their own.")
    status_reports = serializers.SerializerMethodField(
        help_text="What it has said by declarative management, on each channel."
    )

    enrollments = serializers.SerializerMethodField(
        help_text="All of its enrollments, the newest first; earlier ones are over."
    )

    class Meta(DeviceSerializer.Meta):
        fields = (
            *DeviceSerializer.Meta.fields,
            "enrollments",
            "information",
            "security",
            "users",
            "status_reports",
        )
        read_only_fields = fields

    @extend_schema_field(EnrollmentSerializer(many=True))
    def get_enrollments(self, device: Device) -> Any:
        return EnrollmentSerializer(list_enrollments(device), many=True).data

    @extend_schema_field(UserChannelSerializer(many=True))
    def get_users(self, device: Device) -> Any:
        return UserChannelSerializer(list_user_channels(device), many=True).data

    @extend_schema_field(StatusReportSerializer(many=True))
    def get_status_reports(self, device: Device) -> Any:
        return StatusReportSerializer(list_status_reports(device), many=True).data


class DeviceChangesSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255, required=False)
    owner = serializers.CharField(max_length=200, required=False, allow_blank=True)
    group = RowField(queryset=Group.objects.all(), required=False)


class DismissedWarningSerializer(serializers.Serializer[Any]):
    warning = serializers.CharField(max_length=255, help_text="As it was read.")


class PushSerializer(serializers.Serializer[Any]):
    obstacle = serializers.CharField(
        read_only=True,
        help_text="Why the push waits, in a sentence; empty where it is on its way.",
    )


class DeviceViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Devices, through all their enrollments."""

    queryset = Device.objects.select_related("group")
    lookup_value_regex = "dev_[a-z0-9]+"
    action_roles: ClassVar = {"destroy": Role.ADMINISTRATOR, "delete_record": Role.ADMINISTRATOR}
    filterset_class = DeviceFilters
    filter_backends = (StrictFilterBackend, DeviceSearch)
    ordering_fields: ClassVar = {
        "created_at": "id",
        "name": "name",
        "serial_number": "serial_number",
        "owner": "owner",
        "status": "status",
        "os_version": "os_version",
        "last_seen_at": "last_seen_at",
        "enrolled_at": "enrolled_at",
    }
    service_errors: ClassVar = {
        NotEnrolled: (409, "not_enrolled"),
        StillEnrolled: (409, "still_enrolled"),
        WarningGone: (409, "warning_gone"),
    }

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.defer(*LARGE_OF_DEVICE) if self.action == "list" else rows

    def get_serializer_class(self) -> Any:
        return DeviceSerializer if self.action == "list" else DeviceWithReportsSerializer

    @extend_schema(request=DeviceChangesSerializer, responses=DeviceWithReportsSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change its group (whose policies follow), its owner or its name."""
        device = self.get_object()
        changes = self.decode(request, DeviceChangesSerializer)
        actions.update_device(device, **changes, actor=get_actor(request))
        return self.answer(device)

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Take it out of management. Its row and history stay, with status `unenrolled`."""
        actions.unenroll(self.get_object(), actor=get_actor(request))
        return Response(status=204)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="delete-record")
    def delete_record(self, request: Request, id: str) -> Response:
        """Delete the record of a device that is Unenrolled or has never enrolled.

        Its commands, facts and kept secrets go with it; sessions, certificates and the log stay.
        One that is enrolled is refused (409, `still_enrolled`).
        """
        delete_device(self.get_object(), actor=get_actor(request))
        return Response(status=204)

    @extend_schema(request=DismissedWarningSerializer, responses=DeviceWithReportsSerializer)
    @action(detail=True, methods=["post"], url_path="dismiss-warning")
    def dismiss_warning(self, request: Request, id: str) -> Response:
        """Take away its warning. Another one, that came after this was read, stays.

        Then it is refused (409, `warning_gone`), as where there is none.
        """
        device, values = self.get_object(), self.decode(request, DismissedWarningSerializer)
        actions.dismiss_warning(device, **values, actor=get_actor(request))
        return self.answer(device)

    @extend_schema(request=None, responses={202: PushSerializer})
    @action(detail=True, methods=["post"])
    def push(self, request: Request, id: str) -> Response:
        """Wake it, also when no command waits for it.

        The push is asked for in any case; `obstacle` says why it cannot go out yet.
        """
        obstacle = actions.push_now(self.get_object(), actor=get_actor(request))
        return Response(PushSerializer({"obstacle": obstacle}).data, status=202)
