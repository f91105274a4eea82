"""What rows of every app share: a public identifier and their two moments."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models

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
