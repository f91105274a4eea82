"""`expires_at` of a new token: a moment, a time from now, or never."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

LIFETIMES = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
NEVER = "never"
DEFAULT = "7d"


@extend_schema_field(
    {
        # Not "oneOf": for validators that do not look at formats, "7d" would be both.
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "string", "enum": [*LIFETIMES, NEVER]},
        ],
        "default": DEFAULT,
        "description": "A moment in ISO 8601, a time from now, or `never`.",
    }
)
class ExpiryField(serializers.DateTimeField):
    """Decodes to an aware datetime, or None for never; a moment that has passed is refused.

    Nothing said is DEFAULT: a token that nobody thought about dies by itself.
    """

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": f"Say {', '.join(LIFETIMES)}, {NEVER}, or a moment in ISO 8601."
    }

    def __init__(self) -> None:
        super().__init__(required=False)

    def run_validation(self, data: Any = serializers.empty) -> datetime | None:
        if data is serializers.empty:
            data = DEFAULT
        if data == NEVER:
            return None
        if isinstance(data, str) and data in LIFETIMES:
            return timezone.now() + LIFETIMES[data]
        value: datetime | None = super().run_validation(data)
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("This moment has passed.")
        return value
