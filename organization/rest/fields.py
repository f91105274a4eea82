"""Fields of request bodies that several collections take."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

MAX_ROWS = 200


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
