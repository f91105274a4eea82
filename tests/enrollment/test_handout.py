"""The text of a mail that brings a token to many people."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from enrollment.protocol.languages import LANGUAGES
from enrollment.services.handout import build_link, build_mail
from organization.models import Organization
from tests.enrollment.conftest import MakeToken

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Open this link", "“Download profile”, then “Allow”", "Need help?"]),
        ("de", ["„Profil laden“, dann auf „Zulassen“", "Systemeinstellungen › Allgemein"]),
        ("fr", ["« Télécharger le profil », puis « Autoriser »", "Réglages Système"]),
        ("es", ["«Descargar perfil» y luego «Permitir»", "Ajustes del Sistema"]),
        ("ja", ["「プロファイルをダウンロード」、「許可」", "「システム設定」"]),
    ],
)
def test_mail_has_link_steps_end_and_help_in_its_language(
    make_token: MakeToken, client: Client, language: str, words: list[str]
) -> None:
    Organization.objects.update(name="R&D <Lab>", support_contact="it@example.org & 5th floor")
    token = make_token(expires=48)
    mail = build_mail(token, language=language, link="short")
    assert [word for word in words if word not in mail.body] == []
    assert "R&D <Lab>" in mail.body, "plain text is not escaped"
    assert "R&D <Lab>" in mail.subject
    assert "it@example.org & 5th floor" in mail.body
    assert "UTC" in mail.body
    (url,) = [line for line in mail.body.splitlines() if "http" in line]
    assert url == build_link(token, link="short"), "alone on its line"
    assert client.get(urlsplit(url).path).status_code == 303
    assert language == "en" or "Download" not in mail.body
    assert "。 " not in mail.body, "Japanese has no space between sentences"


def test_mail_names_no_end_and_no_help_when_there_is_none(make_token: MakeToken) -> None:
    Organization.objects.update(support_contact="")
    body = build_mail(make_token(expires=None), language="en", link="short").body
    assert "UTC" not in body
    assert "help" not in body.lower()


def test_mail_program_gets_the_same_text_unless_it_is_too_long(make_token: MakeToken) -> None:
    token = make_token(name="T")
    mail = build_mail(token, language="en", link="short")
    query = parse_qs(urlsplit(mail.mailto).query, strict_parsing=True)
    assert query["subject"] == [mail.subject]
    assert query["body"] == [mail.body.replace("\n", "\r\n")]
    assert "+" not in mail.mailto, "mail programs show it as it is"
    assert build_mail(token, language="ja", link="full").mailto == ""


def test_languages_are_those_of_the_page() -> None:
    assert set(LANGUAGES) == {"en", "de", "fr", "es", "ja"}
