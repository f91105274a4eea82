"""`devices/{id}/inventory`, `apps`, `certificates` and `profiles`: what a device has reported."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import Device, DeviceCertificate, InstalledApplication
from devices.selectors import find_live_enrollment
from organization.rest.views import CollectionViewSet, RestViewSet

OF_DEVICE = OpenApiParameter("id", str, OpenApiParameter.PATH)
INFORMATION = (
    "is_supervised",
    "activation_lock_enabled",
    "capacity",
    "available_capacity",
    "battery_level",
    "imei",
    "phone_number",
    "wifi_mac",
    "bluetooth_mac",
    "ethernet_mac",
)
SECURITY = (
    "passcode_present",
    "passcode_compliant",
    "hardware_encryption",
    "filevault_enabled",
    "recovery_key",
    "recovery_key_escrowed",
    "firewall_enabled",
    "sip_enabled",
    "secure_boot",
    "remote_desktop_enabled",
)


class UserSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(source="UserName", default="")
    full_name = serializers.CharField(source="FullName", default="")
    uid = serializers.IntegerField(source="UID", default=None, allow_null=True)
    is_logged_in = serializers.BooleanField(source="IsLoggedIn", default=None, allow_null=True)
    has_secure_token = serializers.BooleanField(
        source="HasSecureToken", default=None, allow_null=True
    )


class InventorySerializer(serializers.ModelSerializer[Device]):
    """Facts in columns, and as the device gave them; null and "": it did not say."""

    information = serializers.DictField(read_only=True, help_text="By Apple's names.")
    security = serializers.DictField(read_only=True, help_text="By Apple's names.")
    users = UserSerializer(many=True, read_only=True)
    profiles_reported_at = serializers.SerializerMethodField()

    class Meta:
        model = Device
        fields = (
            "information_reported_at",
            *INFORMATION,
            "information",
            "security_reported_at",
            *SECURITY,
            "security",
            "applications_reported_at",
            "certificates_reported_at",
            "profiles_reported_at",
            "users_reported_at",
            "users",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_profiles_reported_at(self, device: Device) -> Any:
        enrollment = find_live_enrollment(device)
        return enrollment and enrollment.profiles_reported_at


class InventoryView(RestViewSet):
    @extend_schema(
        operation_id="devices_inventory_retrieve",
        parameters=[OF_DEVICE],
        responses=InventorySerializer,
    )
    def retrieve(self, request: Request, id: str) -> Response:
        """What it last said of itself, each set of facts with the moment of its answer."""
        return Response(InventorySerializer(get_object_or_404(Device, public_id=id)).data)


class ProfileSerializer(serializers.Serializer[Any]):
    identifier = serializers.CharField(source="PayloadIdentifier", default="")
    uuid = serializers.CharField(source="PayloadUUID", default="")
    name = serializers.CharField(source="PayloadDisplayName", default="")
    organization = serializers.CharField(source="PayloadOrganization", default="")
    is_managed = serializers.BooleanField(source="IsManaged", default=None, allow_null=True)
    payload_types = serializers.SerializerMethodField()

    def get_payload_types(self, profile: dict[str, Any]) -> list[str]:
        return [str(payload.get("PayloadType", "")) for payload in profile["PayloadContent"]]


class ProfilesSerializer(serializers.Serializer[Any]):
    reported_at = serializers.DateTimeField(allow_null=True)
    results = ProfileSerializer(many=True)


class ProfilesView(RestViewSet):
    @extend_schema(
        operation_id="devices_profiles_list", parameters=[OF_DEVICE], responses=ProfilesSerializer
    )
    def retrieve(self, request: Request, id: str) -> Response:
        """The configuration profiles on it; none once it is no longer enrolled."""
        enrollment = find_live_enrollment(get_object_or_404(Device, public_id=id))
        values = {
            "reported_at": enrollment and enrollment.profiles_reported_at,
            "results": enrollment.reported_profiles if enrollment else [],
        }
        return Response(ProfilesSerializer(values).data)


class ApplicationSerializer(serializers.ModelSerializer[InstalledApplication]):
    app = serializers.CharField(source="version.title.public_id", read_only=True)
    identifier = serializers.CharField(source="version.title.identifier", read_only=True)
    name = serializers.CharField(source="version.name", read_only=True)
    version = serializers.CharField(source="version.version", read_only=True)
    short_version = serializers.CharField(source="version.short_version", read_only=True)
    source: Any = serializers.CharField(source="version.source", read_only=True)

    class Meta:
        model = InstalledApplication
        fields = (
            "app",
            "identifier",
            "name",
            "version",
            "short_version",
            "source",
            "bundle_size",
            "dynamic_size",
        )
        read_only_fields = fields


class DeviceCertificateSerializer(serializers.ModelSerializer[DeviceCertificate]):
    class Meta:
        model = DeviceCertificate
        fields = (
            "sha256",
            "common_name",
            "subject",
            "issuer",
            "serial",
            "not_after",
            "is_identity",
        )
        read_only_fields = fields


class _OfDeviceViewSet(ListModelMixin, CollectionViewSet):
    """Rows of one device."""

    ordering_fields: ClassVar = {"reported": "id"}
    ordering = "reported"

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        device = get_object_or_404(Device, public_id=self.kwargs["id"])
        return super().filter_queryset(queryset.filter(device=device))


@extend_schema(parameters=[OF_DEVICE])
class DeviceApplicationsViewSet(_OfDeviceViewSet):
    """The apps on it; only managed ones where the device may be a person's own."""

    queryset = InstalledApplication.objects.select_related("version__title")
    serializer_class = ApplicationSerializer
    search_fields = ("version__name", "version__title__identifier")


@extend_schema(parameters=[OF_DEVICE])
class DeviceCertificatesViewSet(_OfDeviceViewSet):
    """The certificates on it, as it lists them."""

    queryset = DeviceCertificate.objects.all()
    serializer_class = DeviceCertificateSerializer
    search_fields = ("common_name", "subject", "issuer", "sha256")
