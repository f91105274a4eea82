from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.crypto import salted_hmac

from organization.models.public import PublicIdField


class Role(models.TextChoices):
    """What a person or an API key may do: everything, daily work, or only read."""

    ADMINISTRATOR = "administrator", "Administrator"
    OPERATOR = "operator", "Operator"
    AUDITOR = "auditor", "Auditor"


RANKS = {Role.AUDITOR.value: 1, Role.OPERATOR.value: 2, Role.ADMINISTRATOR.value: 3}


def may(user: Any, role: str) -> bool:
    """Say whether a person or an API key has at least this role; an unknown role has none."""
    return RANKS.get(getattr(user, "role", ""), 0) >= RANKS[role]


class AdministratorManager(BaseUserManager["Administrator"]):
    def create_user(
        self, email: str, password: str | None = None, **fields: Any
    ) -> "Administrator":
        administrator = self.model(email=self.normalize_email(email).lower(), **fields)
        administrator.set_password(password)
        administrator.save()
        return administrator


class Administrator(AbstractBaseUser):
    """A person who signs in to the console."""

    public_id = PublicIdField(prefix="adm")
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=20, choices=Role, default=Role.ADMINISTRATOR)
    is_active = models.BooleanField(default=True)
    must_change_password = models.BooleanField(
        default=False, help_text="Set while the password is one that somebody else has seen."
    )
    provider_subject = models.CharField(
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text="The person at the identity provider who signs in to this account.",
    )
    session_generation = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Sessions of an earlier one are over."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[AdministratorManager] = AdministratorManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider_subject"],
                condition=~models.Q(provider_subject=""),
                name="organization_administrator_subject",
            )
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session keeps, and is over once it differs: of the password and the generation."""
        of_password: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]
        if not self.session_generation:
            return of_password  # as the version before the column had it
        return salted_hmac(
            "organization.Administrator.session_generation",
            f"{self.session_generation}:{of_password}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()
