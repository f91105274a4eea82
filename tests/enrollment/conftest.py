"""Tokens, sessions and the second opinion of the OpenSSL command line."""

import plistlib
import ssl
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Group
from enrollment.models import EnrollmentSession, EnrollmentToken
from enrollment.services.sessions import get_session, open_session
from enrollment.services.tokens import create_token
from scep.models import ScepProfile
from scep.selectors import get_root_ca
from scep.services.profiles import create_scep_profile

KIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = (
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {KIT}"
    " Version/18.1 Mobile/15E148 Safari/604.1"
)
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KIT} Version/18.1 Safari/605.1.15"

MakeToken = Callable[..., EnrollmentToken]
MakeSession = Callable[..., EnrollmentSession]
OpenProfile = Callable[[bytes], dict[str, Any]]


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def scep_profile(bootstrapped: None) -> ScepProfile:
    return ScepProfile.objects.get(name="Default")


@pytest.fixture
def make_token(bootstrapped: None, scep_profile: ScepProfile) -> MakeToken:
    """Make a token; `expires` is a number of hours, which may be past; `challenge` a type.

    `options` are those of create_token.
    """

    def make(
        *,
        expires: int | None = 1,
        max_uses: int = 0,
        challenge: str = "dynamic",
        name: str = "T",
        **options: Any,
    ) -> EnrollmentToken:
        profile = None
        if challenge != "none":
            profile = _get_profile(challenge, default=scep_profile)
        return create_token(
            name=name,
            group=Group.objects.order_by("id")[0],
            expires_at=None if expires is None else timezone.now() + timedelta(hours=expires),
            max_uses=max_uses,
            scep_profile=profile,
            actor="tests",
            **options,
        )

    return make


def _get_profile(challenge: str, *, default: ScepProfile) -> ScepProfile:
    if challenge == "dynamic":
        return default
    known = ScepProfile.objects.filter(name=challenge).first()
    return known or create_scep_profile(
        name=challenge,
        challenge_type=challenge,
        static_challenge="s3cret-challenge" if challenge == "static" else None,
        actor="tests",
    )


@pytest.fixture
def make_session(make_token: MakeToken) -> MakeSession:
    def make(token: EnrollmentToken | None = None, *, platform: str = "ios") -> EnrollmentSession:
        session = open_session(
            token or make_token(),
            platform=platform,
            user_agent=IPHONE,
            remote_address="192.0.2.7",
            now=timezone.now(),
        )
        return get_session(session.public_id)

    return make


@pytest.fixture
def open_profile(tmp_path: Path, bootstrapped: None) -> OpenProfile:
    """Verify a signed profile against the root CA with `openssl cms`, and read it."""

    def open_signed(content: bytes) -> dict[str, Any]:
        anchor, signed, plain = (tmp_path / name for name in ("root.pem", "signed", "plain"))
        der = bytes(get_root_ca().certificate)
        anchor.write_text(ssl.DER_cert_to_PEM_cert(der))
        signed.write_bytes(content)
        command: list[str | Path] = [
            "openssl",
            "cms",
            "-verify",
            "-inform",
            "DER",
            "-in",
            signed,
            "-out",
            plain,
        ]
        subprocess.run([*command, "-CAfile", anchor], check=True, capture_output=True)
        profile: dict[str, Any] = plistlib.loads(plain.read_bytes())
        return profile

    return open_signed
