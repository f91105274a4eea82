"""PostgreSQL: administrators who decide about a held request while its token is revoked."""

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from enrollment.models import EnrollmentToken, SessionState
from enrollment.services.tokens import revoke_token
from scep.models import HeldRequest
from scep.services.bootstrap import ensure_default_profile
from scep.services.held_requests import reject_request
from tests.enrollment.conftest import MakeSession, MakeToken

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no row locks"),
]
ADMIN = "ada@example.com"


def hold(session_id: str) -> HeldRequest:
    return HeldRequest.objects.create(
        scep_profile=ensure_default_profile(),
        transaction_id="held",
        public_key_sha256="0" * 64,
        session_id=session_id,
    )


def start(work: Callable[[], object], ends: list[str]) -> threading.Thread:
    def run() -> None:
        try:
            work()
            ends.append("done")
        except OperationalError as error:
            ends.append(type(error).__name__)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_administrators_do_not_wait_for_each_other_when_a_held_requests_token_is_revoked(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    """One held the session and wanted the request, the other the other way round."""
    session = make_session(make_token())
    held = hold(session.public_id)
    ends: list[str] = []

    def revoke() -> None:
        revoke_token(EnrollmentToken.objects.get(pk=session.token.pk), actor=ADMIN)

    with transaction.atomic():
        # As a decision does, between its two steps.
        HeldRequest.objects.select_for_update().get(pk=held.pk)
        revoking = start(revoke, ends)
        revoking.join(1)
        reject_request(held, actor=ADMIN, now=timezone.now())
    revoking.join(30)
    assert ends == ["done"]
    held.refresh_from_db()
    session.refresh_from_db()
    assert (held.state, session.state) == ("rejected", SessionState.FAILED)
    session.token.refresh_from_db()
    assert session.token.revoked_at is not None
