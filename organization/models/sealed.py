"""A column whose bytes are readable only with the server's encryption keys."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.utils.functional import cached_property

from organization.protocol.sealing import KeyRing

if TYPE_CHECKING:
    BytesField = models.BinaryField[bytes | None, bytes | None]
else:  # Django's fields are generic for the type checker only
    BytesField = models.BinaryField


def get_ring() -> KeyRing:
    ring: KeyRing = settings.GUARDMDM_KEY_RING
    return ring


@dataclass(frozen=True)
class Sealed:
    """A value as it lies in the database; `open` raises SecretUnreadable."""

    content: bytes = field(repr=False)
    context: str

    def open(self) -> bytes:
        return get_ring().open(self.content, context=self.context)


class SealedAttribute(DeferredAttribute):
    """Opens the value when it is asked for, and keeps it then.

    So one that no key opens is in the way of those alone who need it: a sweep that reads a
    thousand rows needs none of theirs.
    """

    field: Any

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        value = super().__get__(instance, owner)
        if type(value) is Sealed:
            value = instance.__dict__[self.field.attname] = value.open()
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedField(BytesField):
    """Bytes, sealed on the way into the database and opened when a row's attribute is read.

    The context (`table.column`) is authenticated, so a value moved to another
    column does not open. None stays NULL. `values` and `values_list` give a Sealed.
    """

    descriptor_class = SealedAttribute

    @cached_property
    def context(self) -> str:
        return f"{self.model._meta.db_table}.{self.column}"

    def seal(self, value: bytes) -> bytes:
        """Return the value as it lies in the database, for statements past Django's."""
        return get_ring().seal(value, context=self.context)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None:
            value = self.seal(bytes(value))
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(bytes(value), self.context)
