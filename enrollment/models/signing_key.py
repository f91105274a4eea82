from django.db import models

from organization.models import SealedField


class TokenSigningKey(models.Model):
    """An RSA key that signs enrollment tokens; `kid` stands in the header of each."""

    kid = models.CharField(max_length=40, unique=True)
    private_key = SealedField(help_text="PKCS#8, DER.")
    public_key = models.TextField(help_text="SubjectPublicKeyInfo, PEM.")
    created_at = models.DateTimeField(auto_now_add=True)
    is_active = models.BooleanField(default=True, help_text="Signs new tokens; others only verify.")

    def __str__(self) -> str:
        return self.kid
