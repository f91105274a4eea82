"""News of the certificate authority that start a task once they are committed."""

from typing import Any

from django.db import transaction
from django.dispatch import receiver

from scep.signals import revocation_list_outdated
from scep.tasks import rebuild_revocation_list

GATHER_SECONDS = 1
"""Many revocations in a row make a list a second, not a list each."""


@receiver(revocation_list_outdated)
def publish_revocation(authority_id: int, **_: Any) -> None:
    """After the commit; where that fails the schedule makes the list, or the first who asks."""

    def publish() -> None:
        rebuild_revocation_list.apply_async((authority_id,), countdown=GATHER_SECONDS)

    transaction.on_commit(publish, robust=True)
