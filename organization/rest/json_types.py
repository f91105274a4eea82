"""Values of a JSON body that have another type than the OpenAPI document says.

Django REST framework was made for forms, where everything is text: it takes 0 for the name "0", and
"no", 0 and "f" for false.
"""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

# A field, and the JSON values that it would make its own of.
MISTAKEN: tuple[tuple[type, tuple[type, ...]], ...] = (
    (serializers.BooleanField, (str, int, float)),
    (serializers.CharField, (int, float)),
    (serializers.IntegerField, (str,)),
)


def find_mistyped(field: Any, value: Any) -> Any:
    """Return the errors of `value`, shaped as the framework's own, empty where there are none.

    What the field refuses by itself is left to it.
    """
    if isinstance(field, serializers.Serializer):
        named = value.items() if isinstance(value, dict) else ()
        parts = [(name, field.fields[name], part) for name, part in named if name in field.fields]
        return _find_each(parts)
    if isinstance(field, serializers.ListField | serializers.ListSerializer):
        listed = value if isinstance(value, list) else ()
        return _find_each((place, field.child, part) for place, part in enumerate(listed))
    return [field.error_messages["invalid"]] if _is_mistaken(field, value) else []


def _find_each(parts: Iterable[tuple[Any, Any, Any]]) -> dict[Any, Any]:
    found = {name: find_mistyped(field, part) for name, field, part in parts}
    return {name: errors for name, errors in found.items() if errors}


def _is_mistaken(field: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return any(isinstance(field, kind) and isinstance(value, types) for kind, types in MISTAKEN)
