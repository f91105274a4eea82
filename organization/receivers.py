"""News of people's accounts, from django-allauth, that the audit log keeps."""

from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.signals import password_changed, user_logged_in
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from organization.models import Administrator
from organization.services import audit


@receiver(user_logged_in)
def note_sign_in(request: HttpRequest, user: Any, **_: Any) -> None:
    records = get_authentication_records(request, user)
    proofs = [record.get("type") or record["method"] for record in records]
    _note(user, action="sign_in", detail={"by": ", ".join(proofs)})


@receiver(user_login_failed)
def note_failed_password(credentials: dict[str, Any], **_: Any) -> None:
    """Of accounts that exist: what else people type there may be a password."""
    email = str(credentials.get("email") or "")
    user = Administrator.objects.filter(email__iexact=email).first()
    if user is not None:
        _note(user, action="sign_in.failed", detail={"by": "password"})


@receiver(authentication_failed)
def note_failed_factor(user: Any, authenticator: Authenticator, **_: Any) -> None:
    _note(user, action="sign_in.failed", detail={"by": authenticator.type})


@receiver(password_changed)
def note_new_password(user: Any, **_: Any) -> None:
    _note(user, action="administrator.change_password")


@receiver(authenticator_added)
def note_new_factor(user: Any, authenticator: Authenticator, **_: Any) -> None:
    _note_factor(user, "administrator.add_second_factor", authenticator)


@receiver(authenticator_removed)
def note_removed_factor(user: Any, authenticator: Authenticator, **_: Any) -> None:
    _note_factor(user, "administrator.remove_second_factor", authenticator)


@receiver(authenticator_reset)
def note_renewed_factor(user: Any, authenticator: Authenticator, **_: Any) -> None:
    _note_factor(user, "administrator.renew_second_factor", authenticator)


def _note_factor(user: Any, action: str, authenticator: Authenticator) -> None:
    _note(user, action=action, detail={"factor": authenticator.type})


def _note(user: Any, *, action: str, detail: dict[str, Any] | None = None) -> None:
    if not isinstance(user, Administrator):
        return
    audit.record(
        user.email,
        action=action,
        subject_id=user.public_id,
        subject=user.email,
        detail=detail,
    )
