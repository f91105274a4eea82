"""Accounts of the people who sign in to the console."""

import secrets

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction

from organization.errors import AdministratorExists
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
    for a given password that is too weak.
    """
    if password is not None:
        validate_password(password, Administrator(email=email, name=name))
    text = password or secrets.token_urlsafe(ONE_TIME_PASSWORD_BYTES)
    try:
        with transaction.atomic():
            administrator = Administrator.objects.create_user(
                email, text, name=name, role=role, must_change_password=password is None
            )
    except IntegrityError as error:
        raise AdministratorExists(f"{email} has an account already") from error
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

    With `remove_second_factor` authenticator app and recovery codes are forgotten too.
    """
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
