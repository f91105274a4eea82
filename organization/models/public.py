"""What rows of every app share: a public identifier and their two moments."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models

from organization.models.sealed import SealedField
from organization.protocol.public_id import build_public_id

if TYPE_CHECKING:
    TextField = models.CharField[str, str]
else:  # Django's fields are generic for the type checker only
    TextField = models.CharField


class PublicIdField(TextField):
    """A unique, never changing identifier with a type prefix, made on insert."""

    def __init__(self, *, prefix: str, **options: Any) -> None:
        self.prefix = prefix
        options |= {
            "max_length": 32,
            "unique": True,
            "editable": False,
            "default": partial(build_public_id, prefix),
        }
        super().__init__(**options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        for option in ("max_length", "unique", "editable", "default"):
            options.pop(option, None)
        return name, path, args, options | {"prefix": self.prefix}


class TimeStamped(models.Model):
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def refresh_from_db(
        self, using: str | None = None, fields: Any = None, from_queryset: Any = None
    ) -> None:
        """What is sealed is read again, and opened, when it is asked for."""
        if fields is None:
            for field in self._meta.concrete_fields:
                if isinstance(field, SealedField):
                    vars(self).pop(field.attname, None)
        super().refresh_from_db(using, fields, from_queryset)
