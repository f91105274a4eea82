"""A column whose bytes are readable only with the server's encryption keys."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models

from organization.protocol.sealing import KeyRing

if TYPE_CHECKING:
    BytesField = models.BinaryField[bytes | None, bytes | None]
else:  # Django's fields are generic for the type checker only
    BytesField = models.BinaryField


class SealedField(BytesField):
    """Bytes, sealed on the way into the database and opened on the way out.

    The context (`table.column`) is authenticated, so a value moved to another
    column does not open. None stays NULL.
    """

    @property
    def context(self) -> str:
        return f"{self.model._meta.db_table}.{self.column}"

    @staticmethod
    def _ring() -> KeyRing:
        ring: KeyRing = settings.GUARDMDM_KEY_RING
        return ring

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None:
            value = self._ring().seal(bytes(value), context=self.context)
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> bytes | None:
        if value is None:
            return None
        return self._ring().open(bytes(value), context=self.context)
