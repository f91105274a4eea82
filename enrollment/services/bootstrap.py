"""First-time set-up of what enrolling needs: the key that signs enrollment tokens."""

import secrets

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import transaction

from enrollment.models import TokenSigningKey
from organization.services import audit

KEY_SIZE = 2048
# Short, because it stands in every URL and QR code.
KID_BYTES = 4


def ensure_signing_key() -> TokenSigningKey:
    """Return the key that signs new tokens; makes one when there is none. Idempotent."""
    return TokenSigningKey.objects.filter(is_active=True).last() or _make_signing_key()


@transaction.atomic
def rotate_signing_key(*, actor: str) -> TokenSigningKey:
    """Make a new signing key; earlier ones go on verifying the tokens that they signed."""
    key = _make_signing_key()
    audit.record(actor, action="token_key.rotate", subject_id=key.kid, subject=key.kid)
    return key


def _make_signing_key() -> TokenSigningKey:
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE)
    TokenSigningKey.objects.filter(is_active=True).update(is_active=False)
    return TokenSigningKey.objects.create(
        kid=secrets.token_hex(KID_BYTES),
        private_key=private_key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        public_key=private_key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )
