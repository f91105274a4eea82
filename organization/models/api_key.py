from datetime import datetime

from django.db import models

from organization.models.administrator import Role
from organization.models.public import PublicIdField, TimeStamped


class ApiKey(TimeStamped):
    """A program's key to the REST interface; only the SHA-256 of it is stored."""

    public_id = PublicIdField(prefix="key")
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=20, choices=Role, default=Role.AUDITOR)
    hint = models.CharField(
        max_length=12, help_text="The key's first characters, to tell it apart."
    )
    key_sha256 = models.CharField(max_length=64, unique=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Never where empty.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    def is_expired(self, *, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def __str__(self) -> str:
        return self.name
