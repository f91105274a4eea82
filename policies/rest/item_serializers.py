"""A policy's items: as they are answered, and as a program sends a new one."""

import base64
import binascii
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devices.models import Platform
from organization.rest.fields import BASE64, RowField, build_choice_error
from policies.models import Package, PolicyItem

SOURCES = {"itunes_store_id", "manifest_url", "package"}


class ItemSerializer(serializers.ModelSerializer[PolicyItem]):
    """An item without its profile or configuration, which may hold passwords."""

    id = serializers.CharField(source="public_id", read_only=True)
    platforms = serializers.ListField(
        child=serializers.ChoiceField(choices=Platform.choices),
        read_only=True,
        help_text="Empty: every platform.",
    )
    payload_types = serializers.ListField(child=serializers.CharField(), read_only=True)
    warnings = serializers.ListField(child=serializers.CharField(), read_only=True)
    package = serializers.SlugRelatedField[Package](
        slug_field="public_id", read_only=True, allow_null=True
    )
    manifest_url = serializers.CharField(
        read_only=True, help_text="Empty where the app comes from elsewhere."
    )
    is_configured = serializers.BooleanField(
        read_only=True, help_text="Whether the app has a configuration."
    )

    class Meta:
        model = PolicyItem
        fields = (
            "id",
            "kind",
            "name",
            "platforms",
            "version",
            "profile_identifier",
            "profile_uuid",
            "payload_types",
            "warnings",
            "itunes_store_id",
            "manifest_url",
            "package",
            "bundle_id",
            "is_configured",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


@extend_schema_field(BASE64)
class Base64Field(serializers.CharField):
    """Decodes to bytes."""

    default_error_messages = {"base64": "Not base64."}

    def to_internal_value(self, data: Any) -> Any:
        try:
            return base64.b64decode("".join(super().to_internal_value(data).split()), validate=True)
        except (binascii.Error, ValueError):
            self.fail("base64")


CONFIGURATION_HELP = "What the app is configured with; {} is nothing."


class ItemChangesSerializer(serializers.Serializer[Any]):
    """A profile's other version, an uploaded app's, or an app's other configuration."""

    profile = Base64Field(required=False, help_text="A .mobileconfig in base64.")
    package = RowField(queryset=Package.objects.all(), required=False)
    configuration = serializers.DictField(required=False, help_text=CONFIGURATION_HELP)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise build_choice_error("profile", "package", "configuration")
        return attrs


class AppSerializer(serializers.Serializer[Any]):
    """One of `itunes_store_id`, `manifest_url` and `package`."""

    package = RowField(queryset=Package.objects.all(), required=False)
    configuration = serializers.DictField(required=False, help_text=CONFIGURATION_HELP)
    itunes_store_id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    manifest_url = serializers.CharField(required=False, max_length=500)
    bundle_id = serializers.CharField(required=False, max_length=255)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(SOURCES & set(attrs)) != 1:
            raise build_choice_error(*sorted(SOURCES))
        return attrs


class NewItemSerializer(serializers.Serializer[Any]):
    """Either `profile` or `app`."""

    name = serializers.CharField(
        required=False,
        max_length=200,
        default="",
        help_text="An app needs one; a profile's is its PayloadDisplayName.",
    )
    platforms = serializers.ListField(
        child=serializers.ChoiceField(choices=Platform.choices),
        default=list,
        max_length=len(Platform),
        help_text="Empty: every platform.",
    )
    profile = Base64Field(required=False, help_text="A .mobileconfig in base64.")
    app = AppSerializer(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("profile" in attrs) == ("app" in attrs):
            raise build_choice_error("profile", "app")
        return attrs


class ProfileUploadSerializer(serializers.Serializer[Any]):
    """The fields of a form with a file."""

    profile = serializers.FileField()
    name = serializers.CharField(required=False, max_length=200, default="")
    platforms = serializers.ListField(
        child=serializers.ChoiceField(choices=Platform.choices),
        default=list,
        max_length=len(Platform),
    )
