"""What people and scripts get at /enroll: pages, codes, headers, and one log entry a refusal."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from enrollment.models import (
    EnrollmentSession,
    EnrollmentToken,
    LogEntry,
    SessionState,
    SessionStep,
)
from enrollment.services.profile import MOST_DOWNLOADS
from enrollment.services.sessions import advance_session, fail_session
from enrollment.services.token_texts import build_challenge, build_token_text
from enrollment.services.tokens import revoke_token
from enrollment.views import door
from organization.models import Organization
from scep.models import DynamicChallenge, IssuedCertificate
from scep.services.authority_import import import_authority
from scep.services.rotation import activate_authority
from tests.enrollment.conftest import IPHONE, KIT, MAC, MakeSession, MakeToken
from tests.scep.corporate_ca import CorporateCa

pytestmark = pytest.mark.django_db


def alter(text: str, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """The token with other header or claims, and the signature it had."""
    parts = text.split(".")
    if header is not None:
        parts[0] = encode(header)
    if claims:
        parts[1] = encode(json.loads(base64.urlsafe_b64decode(parts[1] + "==")) | claims)
    return ".".join(parts)


def encode(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


REFUSALS: dict[str, tuple[Callable[[str], str], int, str]] = {
    "nothing": (lambda text: "", 400, "token_malformed"),
    "garbage": (lambda text: "<script>alert(1)</script>", 400, "token_malformed"),
    "cut": (lambda text: text.rsplit(".", 1)[0], 400, "token_malformed"),
    "long": (lambda text: text + "A" * 5000, 400, "token_malformed"),
    "jwk": (
        lambda text: alter(text, header={"alg": "RS256", "kid": "k", "jwk": {}}),
        400,
        "token_malformed",
    ),
    "none": (
        lambda text: alter(text, header={"alg": "none", "kid": "k"}),
        403,
        "token_signature_invalid",
    ),
    "hs256": (
        lambda text: alter(text, header={"alg": "HS256", "kid": "k"}),
        403,
        "token_signature_invalid",
    ),
    "foreign key": (
        lambda text: alter(text, header={"alg": "RS256", "kid": "k"}),
        403,
        "token_signature_invalid",
    ),
    "tampered": (lambda text: alter(text, max_uses=0), 403, "token_signature_invalid"),
}


# What mail programs, chats and people make of the end of `/enroll?token=…`.
BROKEN_ON_THE_WAY: dict[str, Callable[[str], str]] = {
    "wrapped at a line's end": lambda text: f"{text[:76]}\r\n{text[76:]}",
    "wrapped, the space kept": lambda text: f"{text[:76]} {text[76:152]}\t{text[152:]}",
    "quoted-printable": lambda text: f"3D{text[:70]}=\r\n{text[70:]}",
    "invisible marks": lambda text: f"\ufeff{text[:80]}\u200b{text[80:160]}\u00ad{text[160:]}",
    "end of a sentence": lambda text: f"{text}.",
    "in brackets": lambda text: f"<{text}>),",
    "in quotes": lambda text: f"“{text}”",
}


@pytest.mark.parametrize("name", BROKEN_ON_THE_WAY)
def test_page_opens_when_a_mail_program_has_broken_the_link(
    client: Client, make_token: MakeToken, name: str
) -> None:
    token = make_token()
    text = BROKEN_ON_THE_WAY[name](build_token_text(token))
    answer = client.get("/enroll", {"token": text}, headers={"User-Agent": IPHONE})
    assert answer.status_code == 200
    assert f'value="{build_token_text(token)}"' in answer.content.decode()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("length", [200, 600])
def test_page_says_to_open_the_whole_link_when_its_end_is_missing(
    client: Client, make_token: MakeToken, length: int
) -> None:
    answer = client.get("/enroll", {"token": build_token_text(make_token())[:length]})
    assert "Open the whole link as it was sent to you" in answer.content.decode()


@pytest.mark.parametrize("path", ["/enroll", "/enroll/profile"])
@pytest.mark.parametrize("name", REFUSALS)
def test_page_says_why_when_the_token_proves_nothing(
    client: Client, make_token: MakeToken, name: str, path: str
) -> None:
    change, status, code = REFUSALS[name]
    text = change(build_token_text(make_token(max_uses=5)))
    answer = client.get(path, {"token": text}, headers={"User-Agent": IPHONE})
    assert_refused(answer, status=status, code=code)


@pytest.mark.parametrize(
    ("state", "headline"),
    [
        ("expired", "This link has expired"),
        ("exhausted", "This link has been used up"),
        ("revoked", "This link is no longer valid"),
    ],
)
def test_page_says_whom_to_ask_when_the_token_is_dead(
    client: Client, make_token: MakeToken, state: str, headline: str
) -> None:
    Organization.objects.update(support_contact="it-help@example.com")
    token = make_token(expires=-1 if state == "expired" else 1, max_uses=1)
    if state == "exhausted":
        EnrollmentToken.objects.filter(pk=token.pk).update(use_count=1)
    if state == "revoked":
        revoke_token(token, actor="tests")
    text = build_token_text(token)
    answer = client.get("/enroll", {"token": text})
    assert_refused(answer, status=410, code=f"token_{state}")
    page = answer.content.decode()
    assert headline in page
    assert "it-help@example.com" in page
    assert "Download profile" not in page
    assert LogEntry.objects.get().token == token
    LogEntry.objects.all().delete()
    assert_refused(
        client.post("/enroll/sessions", {"token": text}), status=410, code=f"token_{state}"
    )


def assert_refused(answer: Any, *, status: int, code: str) -> None:
    assert answer.status_code == status
    assert code in answer.content.decode()
    assert "eyJhbGci" not in answer.content.decode()
    assert "<script>alert" not in answer.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.code, entry.level) == (code, "error")
    assert "eyJhbGci" not in json.dumps([entry.message, entry.detail])
    assert EnrollmentSession.objects.count() == 0


def test_challenge_opens_nothing_when_used_as_a_link(
    client: Client, make_session: MakeSession
) -> None:
    answer = client.get("/enroll", {"token": build_challenge(make_session())})
    assert answer.status_code == 400


@pytest.mark.parametrize("method", ["get", "head"])
def test_nothing_changes_when_a_link_is_previewed(
    client: Client, make_token: MakeToken, method: str
) -> None:
    token = make_token(max_uses=1)
    for _ in range(3):
        answer = getattr(client, method)("/enroll", {"token": build_token_text(token)})
        assert answer.status_code == 200
    token.refresh_from_db()
    assert (token.use_count, token.sessions.count()) == (0, 0)
    assert LogEntry.objects.count() == 0


def test_profile_is_not_opened_when_only_its_head_is_asked(
    client: Client, make_token: MakeToken
) -> None:
    answer = client.head("/enroll/profile", {"token": build_token_text(make_token())})
    assert answer.status_code == 405
    assert EnrollmentSession.objects.count() == 0


def test_headers_keep_the_token_at_home_when_a_page_is_shown(
    client: Client, make_token: MakeToken
) -> None:
    answer = client.get("/enroll", {"token": build_token_text(make_token())})
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    page = answer.content.decode()
    assert " style=" not in page
    assert "<style" not in page
    assert "http://www.w3.org" not in page.replace("http://www.w3.org/2000/svg", "")


IOS = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {KIT}"
VISITORS = [
    (IPHONE, "", ["Enroll this iPhone", "Download profile", "VPN &amp; Device"], ["data:image"]),
    (MAC, "", ["Enroll this Mac", "Download profile", "Device Management", "data:image"], []),
    (MAC, "ipad", ["Enroll this iPad", "Download profile", "Profile Downloaded"], ["data:image"]),
    (
        f"{IOS} CriOS/130.0 Mobile/15E148 Safari/604.1",
        "",
        ["Open in Safari", "Continue anyway", "x-safari-http"],
        ["Download profile"],
    ),
    (
        f"{IOS} Mobile/15E148 Instagram 350.0",
        "",
        ["Only Safari can", "Copy link"],
        ["Continue anyway", "Download profile"],
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130",
        "",
        ["Scan with your iPhone or iPad", "data:image/png"],
        ["Download profile"],
    ),
]


@pytest.mark.parametrize(("agent", "device", "shown", "hidden"), VISITORS)
def test_page_fits_when_a_visitor_comes(
    client: Client,
    make_token: MakeToken,
    agent: str,
    device: str,
    shown: list[str],
    hidden: list[str],
) -> None:
    answer = client.get(
        "/enroll",
        {"token": build_token_text(make_token()), "device": device},
        headers={"User-Agent": agent},
    )
    page = answer.content.decode()
    assert [text for text in shown if text not in page] == []
    assert [text for text in hidden if text in page] == []


def test_session_opens_when_a_program_posts_the_token_without_cookies(
    make_token: MakeToken,
) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        "/enroll/sessions",
        {"token": build_token_text(make_token()), "device": "ipad"},
        headers={"Accept": "application/json", "User-Agent": MAC},
    )
    assert answer.status_code == 201
    state = answer.json()
    session = EnrollmentSession.objects.get(public_id=state["id"])
    assert (session.platform, state["state"]) == ("ipados", "waiting")
    assert not answer.cookies
    assert client.get(state["profile_url"]).status_code == 200
    answer = client.get(state["status_url"])
    assert (answer.json()["state"], answer.json()["is_final"]) == ("profile_downloaded", False)
    codes = list(LogEntry.objects.order_by("id").values_list("code", flat=True))
    assert codes == ["session_opened", "profile_downloaded"]
    fail_session(session.public_id, code="scep_challenge_invalid")
    failed = client.get(state["status_url"]).json()
    assert (failed["state"], failed["is_final"]) == ("failed", True)


def test_download_starts_by_itself_when_a_browser_without_script_posts(
    client: Client, make_token: MakeToken
) -> None:
    browser = {"Accept": "text/html,*/*;q=0.8", "User-Agent": IPHONE}
    answer = client.post(
        "/enroll/sessions", {"token": build_token_text(make_token())}, headers=browser
    )
    assert answer.status_code == 303
    assert "eyJhbGci" not in answer["Location"]
    session = EnrollmentSession.objects.get()
    page = client.get(answer["Location"], headers=browser).content.decode()
    assert f'content="1;url=/enroll/sessions/{session.public_id}/profile"' in page
    assert "eyJhbGci" not in page
    advance_session(session.public_id, state=SessionState.PROFILE_DOWNLOADED)
    again = client.get(answer["Location"], headers=browser).content.decode()
    assert "1;url=" not in again
    assert "Download again" in again


def test_profile_is_gone_when_the_session_has_enrolled(
    client: Client, make_session: MakeSession
) -> None:
    session = make_session()
    advance_session(session.public_id, state=SessionState.ENROLLED)
    answer = client.get(f"/enroll/sessions/{session.public_id}/profile")
    assert answer.status_code == 410
    assert "session_used" in answer.content.decode()


@pytest.mark.parametrize("challenge", ["dynamic", "none"])
def test_profile_is_gone_when_it_was_downloaded_again_and_again(
    client: Client, make_token: MakeToken, make_session: MakeSession, challenge: str
) -> None:
    """Each download makes a one-time challenge, or a key and its certificate."""
    session = make_session(make_token(challenge=challenge))
    path = f"/enroll/sessions/{session.public_id}/profile"
    assert client.get(path).status_code == 200
    SessionStep.objects.filter(kind="profile_downloaded").update(count=MOST_DOWNLOADS - 1)
    assert [client.get(path).status_code for _ in range(4)] == [200, 410, 410, 410]
    assert DynamicChallenge.objects.count() + IssuedCertificate.objects.count() == 2
    assert LogEntry.objects.order_by("id").last().code == "session_expired"  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["ses_aaaaaaaaaaaaaaaaaaaa", "x", "%00", "eyJx.y.z"])
def test_session_is_not_found_when_nobody_opened_it(
    client: Client, bootstrapped: None, name: str
) -> None:
    answer = client.get(f"/enroll/sessions/{name}", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json()["code"] == "session_unknown"
    assert "eyJhbGci" not in json.dumps(LogEntry.objects.get().detail)


def test_set_up_is_asked_for_when_the_organization_is_missing(
    client: Client, make_token: MakeToken
) -> None:
    from scep.models import CertificateAuthority

    CertificateAuthority.objects.update(state="retired")
    answer = client.get("/enroll/ca.pem")
    assert answer.status_code == 503
    assert LogEntry.objects.get().code == "server_not_set_up"


@pytest.mark.parametrize("challenge", ["dynamic", "token", "none"])
def test_the_fix_is_the_next_ca_when_the_ca_has_expired(
    client: Client,
    make_token: MakeToken,
    make_session: MakeSession,
    monkeypatch: pytest.MonkeyPatch,
    challenge: str,
) -> None:
    """It was “Run manage.py bootstrap”, which mends nothing; with SCEP, devices knocked in vain."""
    token, now = make_token(challenge=challenge, expires=None), timezone.now()
    short = CorporateCa("Device CA", parent=CorporateCa("Corporate Root"), days=50)
    activate_authority(import_authority(short.bundle, actor="t", now=now), actor="t", now=now)
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=51))
    path = f"/enroll/sessions/{make_session(token).public_id}/profile"
    answer = client.get(path, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (503, "ca_expired")
    assert "Prepare or import the next CA" in answer.json()["resolution"]
    assert LogEntry.objects.get(level="error").code == "ca_expired"


def test_visitor_waits_when_refused_too_often_and_a_good_token_goes_on(
    client: Client, make_token: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    monkeypatch.setattr(door, "REFUSAL_LIMIT", 3)
    statuses = [client.get("/enroll", {"token": "nonsense"}).status_code for _ in range(4)]
    assert statuses == [400, 400, 400, 429]
    assert LogEntry.objects.count() == 3
    answer = client.get("/enroll", {"token": "nonsense"})
    assert 0 < int(answer["Retry-After"]) <= door.RATE_SECONDS
    good = build_token_text(make_token())
    assert client.get("/enroll", {"token": good}).status_code == 200


def test_names_are_escaped_when_they_hold_markup(
    client: Client, make_token: MakeToken, bootstrapped: None
) -> None:
    Organization.objects.update(name="<img src=x onerror=alert(1)>")
    page = client.get("/enroll", {"token": build_token_text(make_token())}).content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


@pytest.mark.parametrize("method", ["put", "delete", "post"])
def test_method_is_refused_when_a_page_does_not_know_it(client: Client, method: str) -> None:
    assert getattr(client, method)("/enroll").status_code == 405
