"""Rights levels: profile, consent, page, admission and console say the same of one token."""

import plistlib
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from devices.errors import CommandNotObeyable
from devices.models import Command, Device, Enrollment
from devices.services.actions import queue_command
from enrollment.errors import TokenInvalid
from enrollment.models import EnrollmentSession, EnrollmentToken
from enrollment.protocol.access_rights import (
    ACCESS_RIGHTS,
    BYOD,
    FULL,
    NEVER,
    RIGHTS_LEVELS,
    STANDARD,
    check_access_rights,
)
from enrollment.services.admission import admit
from enrollment.services.profile import release_profile
from enrollment.services.renewal import build_renewal_profile
from enrollment.services.return_profile import build_return_profile
from enrollment.services.token_texts import build_token_text
from scep.models import IssuedCertificate
from tests.enrollment.conftest import IPHONE, MakeSession, MakeToken, OpenProfile
from tests.enrollment.test_admission import build_request

pytestmark = pytest.mark.django_db
# Apple's bits, written down a second time: profiles that are out depend on them.
BITS = {BYOD: 1 + 2 + 16 + 512 + 1024 + 4096, STANDARD: 8191 - 8, FULL: 8191}


def open_rights(profile: dict[str, Any]) -> int:
    [mdm] = [each for each in profile["PayloadContent"] if each["PayloadType"] == "com.apple.mdm"]
    rights: int = mdm["AccessRights"]
    return rights


def enroll(session: EnrollmentSession) -> Enrollment:
    """What Authenticate makes of the admission, with the identity that is in the profile."""
    admission = admit(build_request(session))
    identity = IssuedCertificate.objects.get(session_id=session.public_id)
    device = Device.objects.create(
        udid="UDID-1", serial_number="C39XY", platform="ios", group=session.token.group
    )
    return Enrollment.objects.create(
        device=device,
        state="live",
        session_id=session.public_id,
        access_rights=admission.access_rights,
        certificate_sha256=identity.fingerprint or "",
        certificate_not_after=identity.not_after,
        topic="com.apple.mgmt.External.x",
    )


@pytest.mark.parametrize("level", list(RIGHTS_LEVELS))
def test_profile_consent_page_and_enrollment_agree_when_a_token_has_a_level(
    client: Client,
    make_token: MakeToken,
    make_session: MakeSession,
    open_profile: OpenProfile,
    level: str,
) -> None:
    token = make_token(challenge="none", rights=level)
    session = make_session(token)
    profile = open_profile(release_profile(session, now=timezone.now()))
    assert open_rights(profile) == check_access_rights(BITS[level])
    assert enroll(session).access_rights == BITS[level]
    page = client.get(
        "/enroll", {"token": build_token_text(token)}, headers={"User-Agent": IPHONE}
    ).content.decode()
    can, cannot = page.split("can’t</h3>")
    may, may_not = profile["ConsentText"]["default"].split("can’t:")
    for right in ACCESS_RIGHTS:
        item, is_allowed = f"<li>{right.text}</li>".replace("'", "&#x27;"), BITS[level] & right.bit
        assert (item in can, item in cannot) == (bool(is_allowed), not is_allowed)
        line = f"• {right.text}"
        assert (line in may, line in may_not) == (bool(is_allowed), not is_allowed)
    assert all(f"• {text}" in may_not for text in NEVER)


def test_consent_is_in_the_pages_languages_when_the_device_speaks_one(
    make_token: MakeToken, make_session: MakeSession, open_profile: OpenProfile
) -> None:
    session = make_session(make_token(rights=BYOD))
    consent = open_profile(release_profile(session, now=timezone.now()))["ConsentText"]
    assert set(consent) == {"default", "en", "de", "es", "fr", "ja"}
    assert consent["default"] == consent["en"]
    assert "Das Gerät löschen" in consent["de"]
    assert "デバイスを消去する" in consent["ja"]


@pytest.mark.parametrize(
    ("level", "refused"),
    [
        (BYOD, {"EraseDevice", "DeviceLock", "ClearPasscode", "InstalledApplicationList"}),
        (STANDARD, {"EraseDevice"}),
        (FULL, set()),
    ],
)
def test_command_is_refused_when_the_level_does_not_ask_for_its_right(
    make_token: MakeToken, make_session: MakeSession, level: str, refused: set[str]
) -> None:
    session = make_session(make_token(challenge="none", rights=level))
    release_profile(session, now=timezone.now())
    device = enroll(session).device
    Enrollment.objects.update(unlock_token=b"token")
    for name in ("EraseDevice", "DeviceLock", "ClearPasscode", "InstalledApplicationList"):
        if name in refused:
            with pytest.raises(CommandNotObeyable, match="did not ask for the right"):
                queue_command(device, request_type=name, parameters={}, actor="a")
        else:
            queue_command(device, request_type=name, parameters={}, actor="a")
    assert not refused & set(Command.objects.values_list("request_type", flat=True))


def test_renewal_asks_for_what_the_device_gave_when_the_levels_have_changed_since(
    make_token: MakeToken, make_session: MakeSession, open_profile: OpenProfile
) -> None:
    """A device refuses an update that asks for more, and would be lost with its identity."""
    session = make_session(make_token(challenge="none", rights=STANDARD))
    release_profile(session, now=timezone.now())
    enrollment = enroll(session)
    enrollment.access_rights = BITS[BYOD]
    now = timezone.now()
    assert open_rights(open_profile(build_renewal_profile(enrollment, now=now))) == BITS[BYOD]
    enrollment.access_rights = None
    assert open_rights(open_profile(build_renewal_profile(enrollment, now=now))) == BITS[STANDARD]


def test_device_returns_with_its_level_when_it_was_erased(
    make_token: MakeToken, make_session: MakeSession, open_profile: OpenProfile
) -> None:
    session = make_session(make_token(challenge="none", rights=STANDARD))
    release_profile(session, now=timezone.now())
    profile = open_profile(build_return_profile(enroll(session), now=timezone.now()))
    assert open_rights(profile) == BITS[STANDARD]
    assert EnrollmentToken.objects.latest("id").rights == STANDARD


def test_token_is_not_made_when_its_level_does_not_exist(make_token: MakeToken) -> None:
    with pytest.raises(TokenInvalid, match="byod, standard, full"):
        make_token(rights="root")


def test_everything_is_asked_for_when_nothing_is_said(
    make_session: MakeSession, open_profile: OpenProfile
) -> None:
    signed = release_profile(make_session(), now=timezone.now())
    assert open_rights(open_profile(signed)) == BITS[FULL]
    assert b"ConsentText" in plistlib.dumps(open_profile(signed))
