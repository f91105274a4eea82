"""News of the certificate authority that start a task once they are committed."""

from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from scep.signals import revocation_list_outdated
from scep.tasks import rebuild_revocation_list

GATHER_SECONDS = 1
"""Many revocations in a row make a list a second, not a list each."""


@receiver(revocation_list_outdated)
def publish_revocation(authority_id: int, **_: Any) -> None:
    transaction.on_commit(
        partial(rebuild_revocation_list.apply_async, (authority_id,), countdown=GATHER_SECONDS)
    )
