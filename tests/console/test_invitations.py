"""Inviting people in the console: lists as spreadsheets write them, links, states, revoking."""

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from enrollment.models import Invitation, MailState
from enrollment.services.token_texts import build_enrollment_url
from tests.console.conftest import World
from tests.console.test_tokens import age_sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]
EXCEL = "\ufeffName;E-Mail\r\nBob Möller;bob@example.com\r\nAnn;ANN@example.com\r\n".encode()


def get_url(world: World, rest: str = "") -> str:
    return f"/console/enrollment/ota/tokens/{world.token.jti}/invitations/{rest}"


def upload(client: Client, world: World, content: bytes, **fields: Any) -> Any:
    file = SimpleUploadedFile("people.csv", content, content_type="text/csv")
    data = {"file": file, "people": "", "language": "de", **fields}
    return client.post(get_url(world, "new"), data, follow=True)


def test_people_are_invited_when_a_file_is_uploaded(world: World, operator: Client) -> None:
    page = upload(operator, world, EXCEL).content.decode()
    assert "1 person is invited. 1 was already." in page
    assert "Bob Möller" in page
    bob = Invitation.objects.get(email="bob@example.com")
    assert (bob.language, bob.mail_state) == ("de", MailState.NONE)


def test_mistakes_are_told_by_line_and_nobody_is_invited_until_they_are_left_out(
    world: World, operator: Client
) -> None:
    content = b"name,email\nBob,bob@example.com\nEve,eve@nowhere\n<b>Mal</b>\n"
    answer = upload(operator, world, content)
    page = answer.content.decode()
    assert "Line 3: This is no e-mail address." in page
    assert "Line 4: There is no e-mail address." in page
    assert "Bob,bob@example.com" in page  # the text came back, to be mended
    assert "&lt;b&gt;Mal" in page
    assert Invitation.objects.count() == 1
    people = content.decode()
    data = {"people": people, "language": "en", "leave_out": "on"}
    operator.post(get_url(world, "new"), data)
    assert set(Invitation.objects.values_list("email", flat=True)) == {
        "ann@example.com",
        "bob@example.com",
    }


def test_page_says_how_links_go_out_when_there_is_no_mail_server(
    world: World, operator: Client, settings: Any
) -> None:
    for rest in ("", "new"):
        assert "GUARDMDM_EMAIL_URL" in operator.get(get_url(world, rest)).content.decode()
    settings.EMAIL_HOST = "127.0.0.1"
    for rest in ("", "new"):
        assert "GUARDMDM_EMAIL_URL" not in operator.get(get_url(world, rest)).content.decode()


def test_links_are_shown_and_exported_when_the_sign_in_is_fresh(
    world: World, operator: Client
) -> None:
    url = build_enrollment_url(world.invitation.token)
    link = get_url(world, f"{world.invitation.public_id}/link")
    assert url.partition("=")[2] in operator.get(link).content.decode()
    answer = operator.get(get_url(world, "export.csv"))
    text = b"".join(answer).decode("utf-8-sig")  # type: ignore[call-overload]
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["email"], row["link"], row["status"]) == ("ann@example.com", url, "Invited")
    assert "eyJhbGci" not in operator.get(get_url(world)).content.decode()
    age_sign_in(operator)
    for path in (link, get_url(world, "export.csv")):
        assert operator.get(path).status_code == 302


def test_mail_that_failed_shows_why_and_is_sent_again(
    world: World, operator: Client, settings: Any
) -> None:
    settings.EMAIL_HOST = "127.0.0.1"
    Invitation.objects.update(mail_state=MailState.FAILED, mail_error="550 No such user")
    page = operator.get(get_url(world)).content.decode()
    assert "550 No such user" in page
    assert "Send 1 failed mail again" in page
    operator.post(get_url(world, "mail-failed"))
    assert Invitation.objects.get().mail_state == MailState.QUEUED
    Invitation.objects.update(mail_state=MailState.SENT)
    operator.post(get_url(world, f"{world.invitation.public_id}/mail"))
    assert Invitation.objects.get().mail_state == MailState.QUEUED


def test_link_is_dead_when_revoked(world: World, operator: Client, client: Client) -> None:
    operator.post(get_url(world, f"{world.invitation.public_id}/revoke"))
    assert "Revoked" in operator.get(get_url(world)).content.decode()
    url = build_enrollment_url(world.invitation.token)
    assert client.get(url.partition("//")[2].partition("/")[2].join(("/", ""))).status_code == 410
