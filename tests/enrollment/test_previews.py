"""Link previews, crawlers and browsers that fetch ahead use up nothing and open no session."""

import pytest
from django.test import Client
from django.urls import reverse

from enrollment.models import EnrollmentSession, EnrollmentToken, SessionState, TokenUse
from enrollment.services.token_texts import build_token_text
from tests.enrollment.conftest import IPHONE, MakeSession, MakeToken

pytestmark = pytest.mark.django_db

PREVIEWS = [
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko)"
    " Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0 A",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
]
AHEAD = [
    {"Sec-Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"Purpose": "prefetch"},
    {"X-Moz": "prefetch"},
]


@pytest.fixture
def token(make_token: MakeToken) -> EnrollmentToken:
    return make_token(max_uses=1)


def check_nothing_used(token: EnrollmentToken) -> None:
    token.refresh_from_db()
    assert token.use_count == 0
    assert not TokenUse.objects.exists()
    assert not EnrollmentSession.objects.exists()


def test_a_previewed_link_is_as_good_as_new(client: Client, token: EnrollmentToken) -> None:
    text = build_token_text(token)
    for agent in PREVIEWS:
        for path in ("/enroll", "/enroll/profile"):
            query, headers = {"token": text}, {"User-Agent": agent}
            answer = client.get(path, query, headers=headers, follow=True)
            assert answer.status_code == 200
            assert "text/html" in answer["Content-Type"]
            client.head(path, query, headers=headers)
    check_nothing_used(token)


def test_a_link_that_is_fetched_ahead_is_as_good_as_new(
    client: Client, token: EnrollmentToken
) -> None:
    text = build_token_text(token)
    for headers in AHEAD:
        client.get("/enroll", {"token": text}, headers={**headers, "User-Agent": IPHONE})
        answer = client.get("/enroll/profile", {"token": text}, headers=headers)
        assert answer.status_code == 503
        assert answer["Cache-Control"] == "no-store"
    check_nothing_used(token)


def test_a_session_does_not_advance_when_its_profile_is_fetched_ahead(
    client: Client, make_session: MakeSession
) -> None:
    session = make_session()
    url = reverse("enroll_session_profile", args=[session.public_id])
    assert client.get(url, headers={"Sec-Purpose": "prefetch"}).status_code == 503
    session.refresh_from_db()
    assert session.state == SessionState.WAITING
    assert client.get(url).status_code == 200


def test_a_script_that_downloads_uses_up_nothing_until_a_device_enrolls(
    client: Client, token: EnrollmentToken
) -> None:
    for _ in range(3):
        answer = client.get("/enroll/profile", {"token": build_token_text(token)})
        assert answer["Content-Type"] == "application/x-apple-aspen-config"
    token.refresh_from_db()
    assert token.use_count == 0
