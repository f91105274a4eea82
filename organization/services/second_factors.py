"""What authenticator apps and recovery codes are made from, sealed like every other secret.

allauth keeps it as text inside a JSON column, so no SealedField can.
"""

import base64
import logging
from collections.abc import Callable
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.core.exceptions import PermissionDenied
from django.db import transaction

from organization.errors import SecretUnreadable
from organization.models.sealed import get_ring

logger = logging.getLogger(__name__)
CONTEXT = "mfa_authenticator.data"
SEALED = "sealed:"
SECRET_NAMES = ("secret", "seed", "migrated_codes")


class SecondFactorAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return _seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Where no key opens it nobody comes in by it; another administrator can remove it."""
        try:
            return _open(encrypted_text)
        except SecretUnreadable as error:
            logger.error("A second factor cannot be opened: %s", error)
            raise PermissionDenied from error


def reseal_second_factors() -> int:
    """Seal with the newest key what is not, and return in how many rows; safe to repeat.

    Raises SecretUnreadable at the first that no key opens.
    """
    return sum(_change(pk, _seal_again) for pk in _list_keys())


def seal_clear_second_factors() -> int:
    """Seal what a version before has kept in clear, and return in how many rows."""
    return sum(_change(pk, _seal_clear) for pk in _list_keys())


def _list_keys() -> list[int]:
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    rows = Authenticator.objects.filter(type__in=kinds).order_by("pk")
    return list(rows.values_list("pk", flat=True))


@transaction.atomic
def _change(pk: int, change: Callable[[str], str]) -> int:
    """The row is locked: a recovery code that is being used stays used."""
    row = Authenticator.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        return 0
    fresh = {
        name: _map_texts(value, change) if name in SECRET_NAMES else value
        for name, value in row.data.items()
    }
    if fresh == row.data:
        return 0
    row.data = fresh
    row.save(update_fields=["data"])
    return 1


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    return [change(each) for each in value] if isinstance(value, list) else change(value)


def _seal(text: str) -> str:
    return SEALED + base64.b64encode(get_ring().seal(text.encode(), context=CONTEXT)).decode()


def _open(text: str) -> str:
    """Return the text, also what a version before has kept in clear. Raises SecretUnreadable."""
    return get_ring().open(_decode(text), context=CONTEXT).decode() if _is_sealed(text) else text


def _seal_again(text: str) -> str:
    is_new = _is_sealed(text) and get_ring().is_sealed_with_newest(_decode(text))
    return text if is_new else _seal(_open(text))


def _seal_clear(text: str) -> str:
    return text if _is_sealed(text) else _seal(text)


def _is_sealed(text: str) -> bool:
    return text.startswith(SEALED)


def _decode(text: str) -> bytes:
    return base64.b64decode(text.removeprefix(SEALED))
