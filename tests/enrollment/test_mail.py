"""Mails with invitations, to a real mail server: each once, whatever fails on the way."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone, translation

from enrollment.models import EnrollmentToken, Invitation, MailState
from enrollment.protocol.invitation_list import InvitedPerson
from enrollment.protocol.languages import LANGUAGES
from enrollment.services import mail_delivery
from enrollment.services.invitation_mail import build_mail
from enrollment.services.invitations import (
    invite_people,
    request_failed_mails,
    request_mail,
    revoke_invitation,
)
from enrollment.services.mail_delivery import send_due_mails
from enrollment.services.short_links import build_short_url
from enrollment.services.tokens import revoke_token
from enrollment.tasks import send_mails
from organization.models import Organization
from tests.enrollment.conftest import MakeToken
from tests.enrollment.mail_server import PASSWORD, USER, MailServer, make_tls
from tests.services import find_free_port

pytestmark = pytest.mark.django_db
ANN, BOB = InvitedPerson("Ann Lee", "ann@example.com"), InvitedPerson("", "bob@example.com", "de")


def configure(settings: Any, *, port: int, **options: Any) -> None:
    settings.EMAIL_BACKEND = "guardmdm.mail_backend.SmtpBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "mdm@example.com"
    for name, value in options.items():
        setattr(settings, name, value)


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with MailServer() as server:
        configure(settings, port=server.port)
        yield server


def invite(token: EnrollmentToken, *people: InvitedPerson) -> list[Invitation]:
    invite_people(token, people=people, language="en", send_mail=True, actor="tests")
    return list(Invitation.objects.filter(token__parent=token).order_by("id"))


def send(*, hours: float = 0) -> None:
    send_due_mails(now=timezone.now() + timedelta(hours=hours))


def get_states() -> list[str]:
    return list(Invitation.objects.order_by("id").values_list("mail_state", flat=True))


def test_each_person_gets_their_own_link_when_mails_are_sent(
    server: MailServer, make_token: MakeToken
) -> None:
    Organization.objects.update(support_contact="help@example.com")
    rows = invite(make_token(), ANN, BOB)
    send()
    send()
    ann, bob = server.mails
    assert (ann["To"], bob["To"]) == ("Ann Lee <ann@example.com>", "bob@example.com")
    assert ann["From"] == "Example Org <mdm@example.com>"
    assert (ann["Subject"], bob["Subject"]) == (
        "Enroll your device with Example Org",
        "Registrieren Sie Ihr Gerät bei Example Org",
    )
    assert ann.get_content_type() == "multipart/alternative"
    for mail, row in ((ann, rows[0]), (bob, rows[1])):
        for kind in ("plain", "html"):
            body = mail.get_body((kind,))
            assert body is not None
            text = body.get_content()
            assert build_short_url(row.token) in text
            assert "help@example.com" in text
            assert ("Hello Ann Lee," in text) is (mail is ann)
    assert get_states() == [MailState.SENT, MailState.SENT]
    assert server.connections == 1
    assert len({mail["Message-ID"] for mail in server.mails}) == 2


def test_task_begins_when_the_list_is_stored(
    server: MailServer,
    make_token: MakeToken,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(send_mails, "delay", send_mails)
    with django_capture_on_commit_callbacks(execute=True):
        invite(make_token(), ANN)
        assert server.mails == []
    assert len(server.mails) == 1


def test_people_are_invited_when_no_task_can_be_started(
    make_token: MakeToken,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    def fail() -> None:
        raise ValueError("a file of the broker's is damaged")

    configure(settings, port=9)
    monkeypatch.setattr(send_mails, "delay", fail)
    with django_capture_on_commit_callbacks(execute=True):
        invite(make_token(), ANN)
    assert get_states() == [MailState.QUEUED]


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
def test_mail_is_sent_when_the_server_wants_tls_and_a_password(
    implicit: bool, settings: Any, tmp_path: Path, make_token: MakeToken
) -> None:
    context, certificate = make_tls(tmp_path)
    with MailServer(context, implicit=implicit) as server:
        configure(
            settings,
            port=server.port,
            EMAIL_USE_TLS=not implicit,
            EMAIL_USE_SSL=implicit,
            EMAIL_CA="",
            EMAIL_HOST_USER=USER,
            EMAIL_HOST_PASSWORD="wrong",
        )
        (row,) = invite(make_token(), ANN)
        send()
        row.refresh_from_db()
        assert "CERTIFICATE_VERIFY_FAILED" in row.mail_error
        settings.EMAIL_CA = str(certificate)
        send(hours=1)
        row.refresh_from_db()
        assert row.mail_error.startswith("535")
        assert row.mail_state == MailState.QUEUED
        settings.EMAIL_HOST_PASSWORD = PASSWORD
        send(hours=2)
        assert [mail["To"] for mail in server.mails] == ["Ann Lee <ann@example.com>"]
    row.refresh_from_db()
    assert (row.mail_state, row.mail_error) == (MailState.SENT, "")


def test_refused_address_is_told_and_the_others_are_sent(
    server: MailServer, make_token: MakeToken
) -> None:
    server.refuse = lambda address: "550 5.1.1 No such user" if "ann" in address else None
    token = make_token()
    ann, _bob = invite(token, ANN, BOB)
    send()
    send(hours=24)
    ann.refresh_from_db()
    assert (ann.mail_state, ann.mail_error) == (MailState.FAILED, "550 5.1.1 No such user")
    assert [mail["To"] for mail in server.mails] == ["bob@example.com"]
    server.refuse = lambda address: None
    assert request_failed_mails(token, actor="tests") == 1
    send()
    assert get_states() == [MailState.SENT, MailState.SENT]
    assert len(server.mails) == 2


def test_mail_is_tried_again_later_when_the_server_says_try_again(
    server: MailServer, make_token: MakeToken
) -> None:
    server.refuse = lambda address: "451 4.7.1 Greylisted"
    (row,) = invite(make_token(), ANN)
    send()
    row.refresh_from_db()
    assert (row.mail_state, row.mail_error) == (MailState.QUEUED, "451 4.7.1 Greylisted")
    server.refuse = lambda address: None
    send()
    assert server.mails == []
    send(hours=0.1)
    assert len(server.mails) == 1


def test_mail_fails_with_its_reason_when_the_server_is_away_for_too_long(
    settings: Any, make_token: MakeToken
) -> None:
    configure(settings, port=find_free_port())
    (row,) = invite(make_token(), ANN)
    for attempt in range(8):
        row.refresh_from_db()
        assert row.mail_state == MailState.QUEUED, attempt
        send(hours=100 * attempt)
    row.refresh_from_db()
    assert row.mail_state == MailState.FAILED
    assert "refused" in row.mail_error


def test_mail_is_not_sent_when_its_link_is_dead_by_then(
    server: MailServer, make_token: MakeToken
) -> None:
    first, second = make_token(), make_token()
    ann, _bob = invite(first, ANN, BOB)
    revoke_invitation(ann, actor="tests")
    invite(second, ANN)
    revoke_token(second, actor="tests")
    send()
    assert [mail["To"] for mail in server.mails] == ["bob@example.com"]
    assert get_states() == [MailState.NONE, MailState.SENT, MailState.FAILED]


def test_mail_is_not_sent_again_when_a_worker_was_killed_while_it_sent(
    server: MailServer, make_token: MakeToken
) -> None:
    """Nobody knows whether it arrived: an administrator decides."""
    (row,) = invite(make_token(), ANN)
    Invitation.objects.update(mail_state=MailState.SENDING, mail_claimed_at=timezone.now())
    request_mail(row, actor="tests")  # nor is another one asked for beside it
    send()
    assert get_states() == [MailState.SENDING]
    send(hours=1)
    row.refresh_from_db()
    assert (row.mail_state, row.mail_error) == (MailState.FAILED, mail_delivery.INTERRUPTED)
    request_mail(row, actor="tests")
    send()
    assert (len(server.mails), get_states()) == (1, [MailState.SENT])


def test_resent_mail_is_another_mail(server: MailServer, make_token: MakeToken) -> None:
    (row,) = invite(make_token(), ANN)
    send()
    row.refresh_from_db()
    request_mail(row, actor="tests")
    request_mail(row, actor="tests")
    send()
    first, second = server.mails
    assert first["Message-ID"] != second["Message-ID"]


@pytest.mark.django_db(transaction=True)
def test_each_mail_is_sent_once_when_several_workers_send(
    server: MailServer, make_token: MakeToken
) -> None:
    people = [InvitedPerson("", f"p{number}@example.com") for number in range(20)]
    invite(make_token(), *people)
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        try:
            send()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(mail["To"] for mail in server.mails) == sorted(each.email for each in people)
    assert get_states() == [MailState.SENT] * 20


def test_no_header_is_made_when_a_name_holds_one(
    settings: Any, server: MailServer, make_token: MakeToken
) -> None:
    """The list refuses such names; a row that came another way must do no harm either."""
    Organization.objects.update(name="Evil\r\nBcc: spy@example.com\r\n\r\nBody")
    invite(make_token(), InvitedPerson('A"\r\nBcc: spy@example.com', "ann@example.com"))
    send()
    (mail,) = server.mails
    assert mail["Bcc"] is None
    assert mail["X-Recipients"] == "ann@example.com"
    assert mail["Subject"] == "Enroll your device with Evil Bcc: spy@example.com Body"


def test_names_arrive_as_they_are_written(server: MailServer, make_token: MakeToken) -> None:
    Organization.objects.update(name="Bücher, Müller & Söhne <GmbH>")
    invite(make_token(), InvitedPerson("José Peña, Dr.", "jose@example.com", "es"))
    send()
    (mail,) = server.mails
    (to,), (sender,) = mail["To"].addresses, mail["From"].addresses
    assert (to.display_name, to.addr_spec) == ("José Peña, Dr.", "jose@example.com")
    assert sender.display_name == "Bücher, Müller & Söhne <GmbH>"
    assert mail["Subject"].strip() == "Inscribe tu dispositivo en Bücher, Müller & Söhne <GmbH>"


def test_markup_is_text_when_a_name_holds_some(make_token: MakeToken, settings: Any) -> None:
    configure(settings, port=1)
    (row,) = invite(make_token(), InvitedPerson("<b>Ann</b>", "ann@example.com"))
    mail = build_mail(row)
    assert "Hello <b>Ann</b>," in str(mail.body)
    assert "&lt;b&gt;Ann" in str(mail.alternatives[0][0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_mail_speaks_the_persons_language(
    language: str, make_token: MakeToken, settings: Any
) -> None:
    configure(settings, port=1)
    (row,) = invite(make_token(), InvitedPerson("Ann", "ann@example.com", language))
    mail, english = build_mail(row), build_mail(Invitation(**_as_english(row)))
    assert translation.get_language() == "en"
    if language == "en":
        return
    own = {line for line in str(mail.body).splitlines() if line and "://" not in line}
    shared = own & set(str(english.body).splitlines()) - {"Example Org"}
    assert shared == set()
    assert mail.subject != english.subject
    assert f'<html lang="{language}">' in str(mail.alternatives[0][0])


def _as_english(row: Invitation) -> dict[str, Any]:
    return {
        "token": row.token, "name": row.name, "email": row.email, "language": "en",
        "created_at": row.created_at,
    }  # fmt: skip
