"""A kiosk over HTTP: one device a code, the next one by itself, and nothing else for passers-by."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from enrollment.models import EnrollmentSession, EnrollmentToken, Kiosk, SessionState
from enrollment.services.admission import admit
from enrollment.services.kiosks import build_screen, end_kiosk, start_kiosk
from enrollment.services.sessions import advance_session, get_session
from enrollment.services.tokens import revoke_token
from organization.models import Administrator, AuditEntry, Organization
from organization.services.enrollment_stop import resume_enrollments, stop_enrollments
from tests.enrollment.conftest import IPHONE, MakeSession, MakeToken
from tests.enrollment.test_admission import build_request, code_of

pytestmark = pytest.mark.django_db
POLL = {"HX-Request": "true"}


class Screen:
    """The browser in the hall."""

    def __init__(self, token: EnrollmentToken, *, language: str = "en") -> None:
        self.client = Client()
        person = Administrator.objects.filter(email="operator@example.org").first()
        person = person or Administrator.objects.create_user(
            "operator@example.org", "a long enough password", role="operator"
        )
        login = self.client.post(
            "/accounts/login/", {"login": person.email, "password": "a long enough password"}
        )
        assert login.status_code == 302
        self.start = f"/console/enrollment/ota/tokens/{token.jti}/kiosk"
        answer = self.client.post(self.start, {"language": language})
        assert answer.status_code == 302, answer.content
        self.url = answer["Location"]
        self.cookie = answer.cookies["kiosk"]

    def show(self) -> str:
        return self.client.get(self.url).text

    def poll(self, version: str = "") -> Any:
        return self.client.post(f"{self.url}/code", {"version": version}, headers=POLL)

    @property
    def kiosk(self) -> Kiosk:
        return Kiosk.objects.get(public_id=self.url.rpartition("/")[2])

    @property
    def code(self) -> EnrollmentToken:
        code = self.kiosk.code
        assert code is not None
        return code


def get_version(text: str) -> str:
    found = re.search(r'"version": "(\w+)"', text)
    assert found is not None
    return found[1]


def get_link(text: str) -> str:
    found = re.search(r"http://[\w.:-]+(/e/\w+)", text)
    assert found is not None, text
    return found[1]


def enroll(session: EnrollmentSession, *, udid: str) -> None:
    admit(build_request(get_session(session.public_id), udid=udid))
    advance_session(session.public_id, state=SessionState.ENROLLED)


def scan(screen: Screen, *, agent: str = IPHONE, to_its_end: bool = True) -> EnrollmentSession:
    """Open the link on the screen as a phone does, and download the profile in the end."""
    visitor = Client(headers={"User-Agent": agent})
    page = visitor.get(get_link(screen.show()), follow=True)
    assert page.status_code == 200
    text = re.search(r'name="token" value="([^"]+)"', page.text)
    assert text is not None
    made = visitor.post("/enroll/sessions", {"token": text[1]}).json()
    if to_its_end:
        assert visitor.get(made["profile_url"]).status_code == 200
    return EnrollmentSession.objects.get(public_id=made["id"])


def test_screen_shows_another_code_and_says_so_once_one_is_taken(make_token: MakeToken) -> None:
    parent = make_token(max_uses=5, name="Spring intake")
    screen = Screen(parent)
    first = screen.show()
    assert "data:image/svg+xml" in first
    version, link = get_version(first), get_link(first)
    assert screen.poll(version).status_code == 204, "nothing has changed"
    session = scan(screen)
    taken = screen.poll(version)
    assert taken.status_code == 200
    assert get_link(taken.text) != link
    assert "iPhone: being enrolled…" in taken.text
    enroll(session, udid="UDID-1")
    done = screen.poll(get_version(taken.text)).text
    assert "iPhone: enrolled" in done
    assert "UDID-1" not in done
    parent.refresh_from_db()
    assert parent.use_count == 1
    # The code that was taken enrolls nobody else.
    assert Client().get(link, follow=True).status_code == 410


def test_looking_at_the_page_takes_no_code(make_token: MakeToken) -> None:
    screen = Screen(make_token())
    before = screen.show()
    for method in ("get", "head"):
        getattr(Client(headers={"User-Agent": "Slackbot"}), method)(get_link(before), follow=True)
    assert screen.poll(get_version(before)).status_code == 204
    scan(screen, to_its_end=False)
    assert screen.poll(get_version(before)).status_code == 204


def test_code_is_replaced_long_before_it_ends(make_token: MakeToken) -> None:
    screen = Screen(make_token(expires=None))
    screen.show()
    first, now = screen.code, timezone.now()
    assert first.expires_at is not None
    assert first.max_uses == 1
    assert timedelta(minutes=55) < first.expires_at - now <= timedelta(minutes=60)
    Kiosk.objects.update(shown_at=now - timedelta(minutes=16))
    screen.show()
    assert screen.code != first
    # Who scanned it in its last minute may still finish.
    assert first.expires_at - now > timedelta(minutes=40)


def test_code_never_outlives_its_token(make_token: MakeToken) -> None:
    token = make_token(expires=1)
    EnrollmentToken.objects.filter(pk=token.pk).update(
        expires_at=timezone.now() + timedelta(minutes=10)
    )
    screen = Screen(token)
    screen.show()
    assert screen.code.expires_at <= timezone.now() + timedelta(minutes=10)  # type: ignore[operator]


def test_screen_says_so_when_the_token_is_used_up_or_revoked(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    parent = make_token(max_uses=1)
    screen = Screen(parent)
    link = get_link(screen.show())
    enroll(scan(screen), udid="UDID-1")
    text = screen.poll().text
    assert "/e/" not in text
    assert "hx-post" in text, "it goes on when the token does"
    other = make_token()
    screen = Screen(other)
    link = get_link(screen.show())
    revoke_token(other, actor="tests")
    assert "/e/" not in screen.poll().text
    assert Client().get(link, follow=True).status_code == 410


def test_screen_waits_while_enrollments_are_stopped(make_token: MakeToken) -> None:
    screen = Screen(make_token())
    version = get_version(screen.show())
    stop_enrollments(Organization.objects.get(), actor="tests")
    stopped = screen.poll(version).text
    assert "Enrollment is paused" in stopped
    assert "Ask your IT team, and try again later." in stopped
    assert "/e/" not in stopped
    resume_enrollments(Organization.objects.get(), actor="tests")
    assert "/e/" in screen.poll().text


def test_two_screens_of_one_token_show_different_codes(make_token: MakeToken) -> None:
    token = make_token()
    one, two = Screen(token), Screen(token)
    assert get_link(one.show()) != get_link(two.show())
    scan(one)
    assert "being enrolled" in one.show()
    assert "being enrolled" not in two.show()


def test_passer_by_finds_no_console_and_no_other_kiosk(make_token: MakeToken) -> None:
    token = make_token()
    screen, other = Screen(token), Screen(token)
    for path in ("/console/", screen.start, "/console/devices/"):
        assert screen.client.get(path)["Location"].startswith("/accounts/login/")
    for url in (other.url, f"{screen.url}x"):  # another one, and none
        assert screen.client.get(url).status_code == 404
    assert Client().get(screen.url).status_code == 404
    assert Client().post(f"{screen.url}/code").status_code == 404
    cookie = screen.cookie
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", screen.url)
    assert token.jti not in screen.show()
    assert screen.client.get(screen.url)["Cache-Control"] == "no-store"


def test_ended_kiosk_shows_nothing_more(make_token: MakeToken) -> None:
    screen = Screen(make_token())
    link = get_link(screen.show())
    end_kiosk(screen.kiosk, actor="boss@example.org", now=timezone.now())
    text = screen.poll().text
    assert "Nobody can enroll here any more" in text
    assert "hx-post" not in text
    assert Client().get(link, follow=True).status_code == 410
    actions = AuditEntry.objects.filter(action__startswith="kiosk.").order_by("id")
    assert [(each.action, each.actor) for each in actions] == [
        ("kiosk.start", "operator@example.org"),
        ("kiosk.end", "boss@example.org"),
    ]


def test_no_code_is_left_when_the_kiosk_ends_while_its_screen_gets_another(
    make_token: MakeToken,
) -> None:
    screen = Screen(make_token())
    screen.show()
    read_by_administrator = screen.kiosk
    Kiosk.objects.update(shown_at=timezone.now() - timedelta(hours=1))
    read_by_screen = screen.kiosk
    later = get_link(screen.show())
    end_kiosk(read_by_administrator, actor="tests", now=timezone.now())
    assert Client().get(later, follow=True).status_code == 410
    assert build_screen(read_by_screen, now=timezone.now()) is None
    assert EnrollmentToken.objects.filter(parent=screen.kiosk.token).count() == 2


def test_device_that_has_taken_a_code_may_finish_when_the_kiosk_ends(
    make_token: MakeToken,
) -> None:
    screen = Screen(make_token())
    session = scan(screen)
    end_kiosk(screen.kiosk, actor="tests", now=timezone.now())
    enroll(session, udid="UDID-9")
    session.refresh_from_db()
    assert session.state == SessionState.ENROLLED


def test_kiosk_speaks_the_language_chosen_for_it(make_token: MakeToken) -> None:
    screen = Screen(make_token(), language="ja")
    text = screen.show()
    assert '<html lang="ja">' in text
    assert "コードは1台につき1つです" in text


@pytest.mark.django_db(transaction=True)
def test_one_code_is_made_when_many_tabs_of_a_kiosk_ask_at_once(make_token: MakeToken) -> None:
    kiosk, _ = start_kiosk(make_token(), language="en", actor="tests", now=timezone.now())
    start = threading.Barrier(6)
    shown: list[str] = []

    def ask() -> None:
        start.wait()
        try:
            screen = build_screen(Kiosk.objects.get(pk=kiosk.pk), now=timezone.now())
            assert screen is not None
            shown.append(screen.code.jti)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shown) == 6
    assert len(set(shown)) == 1


def test_kiosks_last_uses_go_to_those_who_come_first(make_token: MakeToken) -> None:
    """Codes that wait on screens reserve nothing."""
    token = make_token(max_uses=1)
    one, two = Screen(token), Screen(token)
    first, second = scan(one), scan(two)
    enroll(second, udid="UDID-2")
    assert code_of(build_request(get_session(first.public_id), udid="UDID-1")) == "token_exhausted"
