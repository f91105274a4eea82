"""Accounts of the people who sign in to the console."""

import secrets

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from organization.errors import (
    AdministratorExists,
    AdministratorNeeded,
    OwnAccount,
    PasswordNeeded,
)
from organization.models import Administrator, Role
from organization.services import audit

ONE_TIME_PASSWORD_BYTES = 12


def create_administrator(
    email: str,
    *,
    name: str = "",
    role: str = Role.ADMINISTRATOR,
    password: str | None = None,
    actor: str = "manage.py",
) -> tuple[Administrator, str]:
    """Return the account and its password's text, which is never seen again.

    Without `password` a random one-time password of 96 bits is made, which its owner
    must change at the first sign-in. Raises AdministratorExists, and ValidationError
    for what is no e-mail address (nobody could sign in by it) and for a given password
    that is too weak.
    """
    Administrator._meta.get_field("email").clean(email, None)
    if password is not None:
        validate_password(password, Administrator(email=email, name=name))
    text = password or secrets.token_urlsafe(ONE_TIME_PASSWORD_BYTES)
    try:
        with transaction.atomic():
            administrator = Administrator.objects.create_user(
                email, text, name=name, role=role, must_change_password=password is None
            )
    except IntegrityError as error:
        raise AdministratorExists(f"{email} has an account already.") from error
    audit.record(
        actor,
        action="administrator.create",
        subject_id=administrator.public_id,
        subject=administrator.email,
        detail={"role": str(role)},
    )
    return administrator, text


@transaction.atomic
def reset_password(
    administrator: Administrator, *, actor: str, remove_second_factor: bool = False
) -> str:
    """Return a new one-time password; sessions opened with the old one end.

    With `remove_second_factor` authenticator app, passkeys and recovery codes are forgotten too.
    Raises OwnAccount.
    """
    _check_not_own(administrator, actor=actor)
    text = secrets.token_urlsafe(ONE_TIME_PASSWORD_BYTES)
    administrator.set_password(text)
    administrator.must_change_password = True
    administrator.save(update_fields=["password", "must_change_password"])
    if remove_second_factor:
        Authenticator.objects.filter(user=administrator).delete()
    audit.record(
        actor,
        action="administrator.reset_password",
        subject_id=administrator.public_id,
        subject=administrator.email,
        detail={"second_factor_removed": True} if remove_second_factor else {},
    )
    return text


@transaction.atomic
def forget_one_time_password(administrator: Administrator) -> None:
    """Who signs in at the identity provider has no use for it, and somebody else has seen it."""
    administrator.set_unusable_password()
    administrator.must_change_password = False
    administrator.save(update_fields=["password", "must_change_password"])
    audit.record(
        administrator.email,
        action="administrator.forget_one_time_password",
        subject_id=administrator.public_id,
        subject=administrator.email,
    )


@transaction.atomic
def disconnect_provider(administrator: Administrator, *, actor: str) -> None:
    """The person at the identity provider opens this account no more; others are signed out.

    Raises PasswordNeeded for one's own account without a password.
    """
    if not administrator.provider_subject:
        return
    if administrator.email != actor:
        _end_sessions(administrator)
    elif not administrator.has_usable_password():
        raise PasswordNeeded("You have no password yet: another administrator can make you one.")
    subject, administrator.provider_subject = administrator.provider_subject, ""
    administrator.save(update_fields=["provider_subject"])
    audit.record(
        actor,
        action="administrator.disconnect_provider",
        subject_id=administrator.public_id,
        subject=administrator.email,
        detail={"subject": subject},
    )


@transaction.atomic
def update_administrator(
    administrator: Administrator, *, name: str, role: str, is_active: bool, actor: str
) -> Administrator:
    """Who is not active cannot sign in; who is taken that or given another role is signed out.

    Raises OwnAccount, and AdministratorNeeded where no other administrator is active.
    """
    _lock_and_refresh(administrator)
    stays = role == Role.ADMINISTRATOR and is_active
    changes_rights = (role, is_active) != (administrator.role, administrator.is_active)
    if changes_rights:
        _check_not_own(administrator, actor=actor)
    if not stays:
        _check_not_last(administrator)
    detail = {"role": str(role)} if role != administrator.role else {}
    if is_active != administrator.is_active:
        detail["may_sign_in"] = "yes" if is_active else "no"
    administrator.name, administrator.role, administrator.is_active = name, role, is_active
    administrator.save(update_fields=["name", "role", "is_active"])
    if changes_rights:
        _end_sessions(administrator)
        detail["signed_out"] = "everywhere"
    audit.record(
        actor,
        action="administrator.update",
        subject_id=administrator.public_id,
        subject=administrator.email,
        detail=detail,
    )
    return administrator


@transaction.atomic
def delete_administrator(administrator: Administrator, *, actor: str) -> None:
    """What the person did stays in the audit log. Raises OwnAccount, AdministratorNeeded."""
    _check_not_own(administrator, actor=actor)
    _check_not_last(administrator)
    audit.record(
        actor,
        action="administrator.delete",
        subject_id=administrator.public_id,
        subject=administrator.email,
    )
    administrator.delete()


def _lock_and_refresh(administrator: Administrator) -> None:
    """What changed since the row was read is a change to this one, too.

    The others are locked with it, in order, because _check_not_last wants them next.
    """
    wanted = Q(pk=administrator.pk) | Q(role=Role.ADMINISTRATOR, is_active=True)
    rows = Administrator.objects.filter(wanted).order_by("pk")
    list(rows.select_for_update().values_list("pk"))
    administrator.refresh_from_db()


def _end_sessions(administrator: Administrator) -> None:
    """For good: they are not found alive again by somebody who may sign in again later."""
    row = Administrator.objects.filter(pk=administrator.pk)
    row.update(session_generation=F("session_generation") + 1)
    administrator.refresh_from_db(fields=["session_generation"])


def _check_not_own(administrator: Administrator, *, actor: str) -> None:
    if administrator.email == actor:
        raise OwnAccount("For your own account, another administrator has to do this.")


def _check_not_last(administrator: Administrator) -> None:
    """All are locked: of two administrators who lower each other at once, one is refused."""
    active = Administrator.objects.filter(role=Role.ADMINISTRATOR, is_active=True)
    locked = active.select_for_update().order_by("pk").values_list("pk", flat=True)
    if set(locked) <= {administrator.pk}:
        raise AdministratorNeeded(
            "Nobody else could administer this server: make somebody an administrator first."
        )
