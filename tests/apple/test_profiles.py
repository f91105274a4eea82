"""Every profile that leaves the server conforms to Apple's schema, on every platform."""

import plistlib
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Group
from enrollment.services.profile import build_root_profile, release_profile
from enrollment.services.sessions import open_session
from enrollment.services.tokens import create_token
from policies.protocol import sample_profiles
from scep.protocol.signed_content import extract_signed_content
from scep.services.profiles import create_scep_profile
from tests.apple.schema import check_payload, check_profile

PLATFORMS = ("ios", "ipados", "macos", "")
# What a token's SCEP profile may be; "" is a token without one.
CHALLENGES = ("dynamic", "static", "token", "")


@pytest.fixture(autouse=True)
def https(settings: Any) -> None:
    settings.BASE_URL = "https://mdm.example.com"


def build_enrollment_profile(challenge: str, *, platform: str, key_size: int = 2048) -> Any:
    scep_profile = None
    if challenge:
        scep_profile = create_scep_profile(
            name=f"{challenge} & more",
            challenge_type=challenge,
            static_challenge="a long static secret" if challenge == "static" else None,
            key_size=key_size,
            actor="tests",
        )
    now = timezone.now()
    token = create_token(
        name="Schema",
        group=Group.objects.create(name="Schema"),
        expires_at=None,
        max_uses=0,
        scep_profile=scep_profile,
        actor="tests",
    )
    session = open_session(token, platform=platform, user_agent="", remote_address=None, now=now)
    return plistlib.loads(extract_signed_content(release_profile(session, now=now)))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("challenge", CHALLENGES)
def test_the_enrollment_profile_conforms_when_it_is_downloaded(
    db: None, challenge: str, platform: str
) -> None:
    profile = build_enrollment_profile(challenge, platform=platform)
    assert check_profile(profile, platform=platform or "other") == []
    types = [payload["PayloadType"] for payload in profile["PayloadContent"]]
    identity = "com.apple.security.scep" if challenge else "com.apple.security.pkcs12"
    assert types == ["com.apple.security.root", identity, "com.apple.mdm"]
    assert "PayloadScope" not in profile


@pytest.mark.parametrize("platform", ["ios", "macos"])
def test_a_profile_for_an_unknown_device_conforms_when_any_device_installs_it(
    db: None, platform: str
) -> None:
    """Macs' ServerCapabilities are a key of every system, so an iPhone may get them too."""
    profile = build_enrollment_profile("", platform="")
    assert check_profile(profile, platform=platform) == []


def test_the_identity_is_the_one_of_the_same_profile_when_mdm_names_it(db: None) -> None:
    for challenge in ("dynamic", ""):
        Group.objects.filter(name="Schema").update(name=f"Before {challenge}.")
        profile = build_enrollment_profile(challenge, platform="ios")
        _, identity, mdm = profile["PayloadContent"]
        assert mdm["IdentityCertificateUUID"] == identity["PayloadUUID"]


def test_a_large_key_conforms_when_the_scep_profile_asks_for_it(db: None) -> None:
    profile = build_enrollment_profile("dynamic", platform="ios", key_size=4096)
    assert profile["PayloadContent"][1]["PayloadContent"]["Keysize"] == 4096
    assert check_profile(profile, platform="ios") == []


@pytest.mark.parametrize("platform", ["ios", "ipados", "macos", "other"])
def test_the_trust_profile_conforms_when_it_is_downloaded(db: None, platform: str) -> None:
    profile = plistlib.loads(extract_signed_content(build_root_profile()))
    assert check_profile(profile, platform=platform) == []


@pytest.mark.parametrize(
    ("profile", "platforms"),
    [
        (sample_profiles.build_passcode_profile(), ("ios", "ipados", "macos")),
        (sample_profiles.build_restrictions_profile(), ("ios", "ipados")),
        (sample_profiles.build_web_clip_profile("https://help.example.com/"), ("ios", "ipados")),
        (sample_profiles.build_screen_lock_profile(), ("macos",)),
    ],
)
def test_a_sample_conforms_when_its_platform_installs_it(
    profile: dict[str, Any], platforms: tuple[str, ...]
) -> None:
    for platform in platforms:
        assert check_profile(profile, platform=platform) == []
        for payload in profile["PayloadContent"]:
            assert check_payload(payload, platform=platform) == []
