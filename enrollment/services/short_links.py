"""Short links: `/e/<code>` leads to a token's enrollment URL. Only the code's hash is stored."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from enrollment.errors import TokenRefused
from enrollment.models import EnrollmentToken
from enrollment.protocol.short_code import build_short_code, digest_short_code, read_short_code
from enrollment.services.tokens import check_not_stopped, check_token


def build_short_url(token: EnrollmentToken) -> str:
    """Return the token's short link: the same each time. From the first time on it leads there."""
    code = build_short_code(bytes(token.signing_key.private_key or b""), jti=token.jti)
    digest = digest_short_code(code)
    if token.short_code_sha256 != digest:
        EnrollmentToken.objects.filter(pk=token.pk).update(short_code_sha256=digest)
        token.short_code_sha256 = digest
    return f"{settings.BASE_URL}{reverse('enroll_short', args=[code])}"


def get_linked_token(text: str, *, now: datetime) -> EnrollmentToken:
    """Return the active token behind a short link; raises TokenRefused with one of its codes."""
    code = read_short_code(text)
    tokens = EnrollmentToken.objects.select_related(
        "group", "scep_profile", "organization", "signing_key", "parent"
    )
    token = tokens.filter(short_code_sha256=digest_short_code(code)).first() if code else None
    if token is None:
        raise TokenRefused("short_link_unknown", "no token has this short link")
    check_token(token, now=now)
    check_not_stopped(token)
    return token
