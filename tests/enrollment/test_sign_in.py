"""Sign-in before enrollment: at a real OIDC provider, a process on loopback, over real HTTP."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from devices.errors import AdmissionRefused
from enrollment.errors import NotReady, SignInRefused, TokenInvalid
from enrollment.models import EnrollmentSession, EnrollmentToken, LogEntry
from enrollment.services.admission import admit
from enrollment.services.scep_challenge import verify_token_challenge
from enrollment.services.sessions import get_session, open_session
from enrollment.services.token_texts import build_challenge, build_token_text
from enrollment.services.tokens import get_active_token, revoke_token
from organization.models import Administrator
from organization.services.enrollment_stop import stop_enrollments
from scep.errors import ChallengeInvalid
from scep.models import ScepProfile
from tests.enrollment.conftest import IPHONE, MAC, MakeToken
from tests.enrollment.test_admission import build_request
from tests.oidc.visit import configure, provider, sign_in_there
from tests.services import find_free_port

pytestmark = pytest.mark.django_db
__all__ = ["provider"]
REFUSED = (
    "state", "denied", "mix-up", "no-id-token", "nonce", "no-nonce", "issuer", "audience", "azp",
    "expired", "no-expiry", "future", "no-subject", "signature", "kid", "none", "hs256", "userinfo",
)  # fmt: skip


@pytest.fixture
def signs_in(settings: Any, provider: str) -> None:
    configure(settings, issuer=provider)


@pytest.fixture
def token(signs_in: None, make_token: MakeToken) -> EnrollmentToken:
    return make_token(sign_in_required=True, challenge="token")


@dataclass
class Person:
    """Somebody with a browser, which follows what the servers say."""

    base_url: str
    user: str
    fault: str = ""
    user_agent: str = IPHONE

    def __post_init__(self) -> None:
        headers = {"User-Agent": self.user_agent, "Accept": "text/html"}
        self.browser = httpx.Client(headers=headers, base_url=self.base_url)

    def open_page(self, token: EnrollmentToken) -> str:
        answer = self.browser.get("/enroll", params={"token": build_token_text(token)})
        assert answer.status_code == 200
        return answer.text

    def sign_in(self, token: EnrollmentToken) -> httpx.Response:
        """Follow the page's link to the provider, sign in there, and come back."""
        page = self.open_page(token)
        link = re.search(r'href="(/enroll/sign-in\?[^"]+)"', page)
        assert link is not None
        away = self.browser.get(link[1].replace("&amp;", "&"))
        assert away.status_code == 302, away.text
        self.callback = sign_in_there(
            self.browser, away.headers["Location"], user=self.user, fault=self.fault
        )
        return self.browser.get(self.callback)


def get_code() -> str:
    entry = LogEntry.objects.first()
    return entry.code if entry else ""


@pytest.mark.django_db(transaction=True)
def test_person_enrolls_when_signed_in_and_nobody_else(
    token: EnrollmentToken, live_server: Any, settings: Any
) -> None:
    """One server for the whole story: the good sign-in first, then everything that must fail."""
    settings.BASE_URL = live_server.url
    administrators = Administrator.objects.count()
    ann = Person(live_server.url, "ann")
    assert "Download profile" not in ann.open_page(token)
    answer = ann.sign_in(token)
    assert answer.status_code == 303
    session = EnrollmentSession.objects.get()
    assert answer.headers["Location"] == f"/enroll/sessions/{session.public_id}?start=1"
    assert (session.person_name, session.person_email) == ("Ann Lee", "ann@example.com")
    assert session.person_subject == f"{settings.OIDC_ISSUER}#ann"
    page = ann.browser.get(answer.headers["Location"]).text
    assert "Signed in as ann@example.com" in page
    # Settings installs the profile without the browser's cookies.
    device = httpx.Client(base_url=live_server.url)
    profile = device.get(f"/enroll/sessions/{session.public_id}/profile")
    assert profile.headers["Content-Type"] == "application/x-apple-aspen-config"
    admission = admit(build_request(get_session(session.public_id)))
    assert (admission.owner, admission.owner_name) == ("ann@example.com", "Ann Lee")
    # By now the session's id stands in the certificate, and that is no secret.
    assert "ann@example.com" not in ann.browser.get(answer.headers["Location"]).text
    # No account came of it, and no way into the console.
    assert Administrator.objects.count() == administrators
    assert Session.objects.count() == 0
    assert "/accounts/login/" in ann.browser.get("/console/").headers["Location"]
    # The same answer again is worth nothing.
    assert ann.browser.get(ann.callback).status_code == 403

    bob = Person(live_server.url, "bob", "only-userinfo", MAC)
    assert bob.sign_in(token).status_code == 303
    last = EnrollmentSession.objects.latest("id")
    assert (last.person_name, last.person_email, last.platform) == (
        "Bob Ray",
        "bob@example.com",
        "macos",
    )
    eve = Person(live_server.url, "eve")
    assert eve.sign_in(token).status_code == 303
    assert EnrollmentSession.objects.latest("id").person_email == ""  # not verified

    opened = EnrollmentSession.objects.count()
    wrong = {
        fault: answer.status_code
        for fault in REFUSED
        if (answer := Person(live_server.url, "ann", fault).sign_in(token)).status_code != 403
        or get_code() != "sign_in_failed"
    }
    assert wrong == {}
    # An answer that another browser was to get.
    thief = Person(live_server.url, "ann")
    thief.browser.get("/enroll", params={"token": build_token_text(token)})
    victim = Person(live_server.url, "bob")
    victim.sign_in(token)
    assert thief.browser.get(victim.callback).status_code == 403
    assert EnrollmentSession.objects.count() == opened + 1
    assert not LogEntry.objects.filter(message__contains="eyJ").exists()
    assert Administrator.objects.count() == administrators


def test_profile_and_session_are_refused_when_nobody_has_signed_in(
    client: Client, token: EnrollmentToken
) -> None:
    text = build_token_text(token)
    for answer in (
        client.get("/enroll/profile", {"token": text}),
        client.post("/enroll/sessions", {"token": text}),
    ):
        assert answer.status_code == 403
        assert "sign_in_required" in answer.content.decode()
    assert EnrollmentSession.objects.count() == 0
    with pytest.raises(SignInRefused) as caught:
        open_session(token, platform="ios", user_agent="", remote_address=None, now=timezone.now())
    assert caught.value.code == "sign_in_required"


def test_certificate_and_enrollment_are_refused_when_nobody_has_signed_in(
    token: EnrollmentToken,
) -> None:
    """Even for a session that was opened by another way."""
    profile = token.scep_profile
    assert isinstance(profile, ScepProfile)
    session = get_session(
        EnrollmentSession.objects.create(
            token=token, expires_at=timezone.now() + timedelta(hours=1)
        ).public_id
    )
    for challenge in (build_token_text(token), build_challenge(session)):
        with pytest.raises(ChallengeInvalid) as refused:
            verify_token_challenge(challenge, scep_profile=profile, now=timezone.now())
        assert refused.value.code == "sign_in_required"
    with pytest.raises(AdmissionRefused) as caught:
        admit(build_request(session))
    assert caught.value.code == "sign_in_required"


def test_person_goes_nowhere_else_than_to_the_provider(
    client: Client, token: EnrollmentToken, provider: str, settings: Any
) -> None:
    query = {
        "token": build_token_text(token),
        "next": "https://evil.example/",
        "redirect_uri": "https://evil.example/",
        "auth_params": "redirect_uri=https://evil.example/",
        "scope": "admin",
        "device": "https://evil.example/",
    }
    location = client.get("/enroll/sign-in", query)["Location"]
    assert location.startswith(f"{provider}/authorize?")
    sent = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    assert sent["redirect_uri"] == f"{settings.BASE_URL}/enroll/signed-in"
    assert set(sent["scope"].split()) == {"openid", "profile", "email"}
    assert sent["code_challenge_method"] == "S256"
    assert "evil.example" not in location


def test_no_session_is_opened_when_enrollments_were_stopped_meanwhile(
    token: EnrollmentToken,
) -> None:
    stop_enrollments(token.organization, actor="tests")
    with pytest.raises(NotReady) as caught:
        get_active_token(token.jti, now=timezone.now())
    assert caught.value.code == "enrollment_stopped"


def test_sign_in_is_refused_when_the_token_is_dead(client: Client, token: EnrollmentToken) -> None:
    revoke_token(token, actor="tests")
    answer = client.get("/enroll/sign-in", {"token": build_token_text(token)})
    assert answer.status_code == 410


def test_page_says_so_when_the_provider_is_away(
    client: Client, token: EnrollmentToken, settings: Any
) -> None:
    configure(settings, issuer=f"http://127.0.0.1:{find_free_port()}")
    answer = client.get("/enroll/sign-in", {"token": build_token_text(token)})
    assert answer.status_code == 503
    assert "sign_in_unavailable" in answer.content.decode()


def test_provider_is_refused_when_it_calls_itself_otherwise(
    client: Client, token: EnrollmentToken, settings: Any, provider: str
) -> None:
    configure(settings, issuer=provider.replace("127.0.0.1", "localhost"))
    answer = client.get("/enroll/sign-in", {"token": build_token_text(token)})
    assert answer.status_code == 503


def test_token_cannot_ask_for_a_sign_in_when_no_provider_is_set(make_token: MakeToken) -> None:
    with pytest.raises(TokenInvalid, match="GUARDMDM_OIDC_ISSUER"):
        make_token(sign_in_required=True)


def test_page_offers_the_sign_in_on_each_device(
    client: Client, token: EnrollmentToken, make_token: MakeToken
) -> None:
    chrome = IPHONE.replace("Version/18.1", "CriOS/130.0")
    windows = "Mozilla/5.0 (Windows NT 10.0)"
    for agent, offered in ((IPHONE, True), (chrome, True), (MAC, True), (windows, False)):
        page = client.get(
            "/enroll", {"token": build_token_text(token)}, headers={"User-Agent": agent}
        ).content.decode()
        assert ("Sign in with Example ID" in page) is offered
        assert 'action="/enroll/sessions"' not in page
    german = client.get(
        "/enroll",
        {"token": build_token_text(token)},
        headers={"User-Agent": IPHONE, "Accept-Language": "de"},
    )
    assert "Mit Example ID anmelden" in german.content.decode()
    free = {"token": build_token_text(make_token())}
    page = client.get("/enroll", free, headers={"User-Agent": IPHONE}).content.decode()
    assert "Sign in with" not in page


@pytest.mark.parametrize(
    "path",
    ["oidc/organization/login/", "oidc/organization/login/callback/", "3rdparty/", "social/signup/",
     "3rdparty/signup/", "3rdparty/login/cancelled/", "3rdparty/login/error/"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post"])
def test_other_ways_to_sign_in_are_closed(
    path: str, method: str, client: Client, signs_in: None
) -> None:
    query = urlencode({"process": "login", "next": "/console/"})
    assert getattr(client, method)(f"/accounts/{path}?{query}").status_code == 404
