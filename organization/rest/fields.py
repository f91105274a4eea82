"""Fields of request bodies that several collections take."""

import base64
import binascii
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_ROWS = 200
BASE64 = {"type": "string", "contentEncoding": "base64"}


class RowField(serializers.SlugRelatedField[Any]):
    """A public id; decodes to its row."""

    default_error_messages: ClassVar = {
        "does_not_exist": "There is no {value}.",
        "invalid": "Must be an id, as text.",
    }

    def __init__(self, *, queryset: QuerySet[Any], **options: Any) -> None:
        super().__init__(slug_field="public_id", queryset=queryset, **options)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class RowsField(serializers.ListField):
    """Public ids; decodes to their rows, with one query for all of them."""

    def __init__(self, *, queryset: QuerySet[Any], **options: Any) -> None:
        self.queryset = queryset
        options["max_length"] = MAX_ROWS
        super().__init__(child=serializers.CharField(max_length=32), **options)

    def to_internal_value(self, data: Any) -> list[Any]:
        wanted = super().to_internal_value(data)
        found = {row.public_id: row for row in self.queryset.filter(public_id__in=wanted)}
        missing = [public_id for public_id in wanted if public_id not in found]
        if missing:
            raise serializers.ValidationError(f"There is no {missing[0]}.")
        return list(found.values())


@extend_schema_field(BASE64)
class Base64File(serializers.CharField):
    """A file as base64 text; its bytes in validated_data."""

    def __init__(self, *, max_bytes: int, **options: Any) -> None:
        self.max_bytes = max_bytes
        super().__init__(max_length=-(-max_bytes // 3) * 4, write_only=True, **options)

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise serializers.ValidationError("is not Base64") from error


def build_choice_error(*names: str) -> serializers.ValidationError:
    """Return the refusal where not exactly one of these fields is given; each is named."""
    text = f"Give exactly one of {', '.join(names[:-1])} and {names[-1]}."
    return serializers.ValidationError({name: [text] for name in names})
