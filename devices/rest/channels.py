"""What a device's answer tells of its channels: its users', and what was last reported on each."""

from typing import Any

from rest_framework import serializers

from devices.models import StatusReport, UserChannel


class UserChannelSerializer(serializers.ModelSerializer[UserChannel]):
    """A user of a Mac; `id` is what a command's `user` takes."""

    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = UserChannel
        fields = (
            "id",
            "user_id",
            "short_name",
            "long_name",
            "not_on_console",
            "last_seen_at",
            "created_at",
        )
        read_only_fields = fields


class StatusReportSerializer(serializers.ModelSerializer[StatusReport]):
    """What one channel has said by declarative management; `user` is null for the device's."""

    user = serializers.CharField(
        source="user_channel.public_id", read_only=True, allow_null=True, default=None
    )
    items = serializers.DictField(read_only=True)
    errors: Any = serializers.ListField(read_only=True)

    class Meta:
        model = StatusReport
        fields = ("user", "reported_at", "items", "errors")
        read_only_fields = fields
