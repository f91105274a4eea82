"""The page in the visitor's language, with the words of the device's own buttons."""

import ast
import re
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation.template import templatize

from enrollment.protocol.access_rights import ACCESS_RIGHTS, NEVER
from enrollment.protocol.funnel.words import ELSEWHERE, FAIL_INFO_WORDS, OTHER, PARTS, WORDS
from enrollment.protocol.log_codes import LOG_CODES
from enrollment.services.token_texts import build_token_text
from tests.enrollment.conftest import IPHONE, MakeToken

pytestmark = pytest.mark.django_db
TEMPLATES = Path(__file__).parents[2] / "templates" / "enroll"
DOORS = Path(__file__).parents[2] / "enrollment" / "views"
# What a person's page can be refused with; the rest devices are told.
REFUSALS = (
    "token_expired", "token_exhausted", "token_revoked", "token_signature_invalid",
    "token_malformed", "token_unknown", "short_link_unknown", "group_missing", "enrollment_stopped",
    "session_unknown", "session_expired", "session_used",
    "approval_pending", "enrollment_rejected",
    "sign_in_required", "sign_in_failed", "sign_in_unavailable",
    "push_certificate_missing", "push_certificate_expired", "server_not_set_up",
    "ca_expired",
    "scep_server_unreachable", "certificate_names_forbidden",
)  # fmt: skip
SAME_WORD = {"Code", "General", "Cause", "Installation"}


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("de", ["Profil laden", "Zulassen", "VPN und Geräteverwaltung", "Installieren"]),
        ("fr", ["Télécharger le profil", "Autoriser", "VPN et gestion de l’appareil"]),
        ("es", ["Descargar perfil", "Permitir", "VPN y gestión de dispositivos"]),
        ("ja", ["プロファイルをダウンロード", "許可", "VPNとデバイス管理"]),
    ],
)
def test_page_speaks_the_visitors_language_when_the_browser_names_it(
    client: Client, make_token: MakeToken, language: str, texts: list[str]
) -> None:
    answer = client.get(
        "/enroll",
        {"token": build_token_text(make_token())},
        headers={"Accept-Language": f"{language};q=0.9", "User-Agent": IPHONE},
    )
    page = answer.content.decode()
    assert f'<html lang="{language}"' in page
    assert [text for text in texts if text not in page] == []
    assert "Download profile" not in page


def test_refusal_speaks_the_visitors_language_when_the_link_is_dead(
    client: Client, make_token: MakeToken
) -> None:
    answer = client.get(
        "/enroll",
        {"token": build_token_text(make_token(expires=-1))},
        headers={"Accept-Language": "de-CH"},
    )
    assert "Dieser Link ist abgelaufen" in answer.content.decode()


def list_texts(template: str) -> list[str]:
    """The texts of a template's `translate` and `blocktranslate`, as gettext is asked for them."""
    calls = re.finditer(
        r"""gettext\((u(?:'(?:\\.|[^'])*'|"(?:\\.|[^"])*"))\)""", templatize(template)
    )
    return [ast.literal_eval(call[1]) for call in calls]


def list_calls(source: str) -> list[str]:
    """The texts that a module asks gettext for."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    asking = [call for call in calls if getattr(call.func, "id", "") == "gettext" and call.args]
    return [call.args[0].value for call in asking if isinstance(call.args[0], ast.Constant)]  # type: ignore[misc]


@pytest.mark.parametrize("language", ["de", "fr", "es", "ja"])
def test_every_text_is_translated_when_a_person_may_see_it(language: str) -> None:
    texts = {text for path in TEMPLATES.rglob("*.*") for text in list_texts(path.read_text())}
    texts |= {right.text for right in ACCESS_RIGHTS} | set(NEVER)
    texts |= {entry.headline for entry in LOG_CODES.values() if entry.headline}
    texts |= {text for path in DOORS.glob("*.py") for text in list_calls(path.read_text())}
    refusals = [LOG_CODES[code] for code in REFUSALS]
    texts |= {text for each in refusals for text in (each.title, each.cause, each.resolution)}
    words = (*WORDS.values(), *FAIL_INFO_WORDS.values(), OTHER)
    texts |= {text for each in words for text in (each.sentence, each.fix, each.fix_mac) if text}
    texts |= {*ELSEWHERE.values(), *PARTS.values(), "Stopped at: %(part)s"}
    assert len(texts) > 100
    with translation.override(language):
        missing = {text for text in texts - SAME_WORD if translation.gettext(text) == text}
    assert missing == set()


@pytest.mark.parametrize("language", ["it", "ar", "pt-BR", "zh-Hans"])
def test_page_is_english_and_says_so_when_the_browser_asks_for_another_language(
    client: Client, make_token: MakeToken, language: str
) -> None:
    answer = client.get(
        "/enroll",
        {"token": build_token_text(make_token())},
        headers={"Accept-Language": language, "User-Agent": IPHONE},
    )
    page = answer.content.decode()
    assert '<html lang="en">' in page
    assert "Download profile" in page
    assert answer.headers["Content-Language"] == "en"


@pytest.mark.parametrize("language", ["de", "fr", "ar"])
def test_console_is_english_as_a_whole_when_the_browser_asks_for_another_language(
    client: Client, language: str
) -> None:
    headers = {"Accept-Language": language}
    page = client.get("/accounts/login/", headers=headers).content.decode()
    assert '<html lang="en">' in page
    assert ">Password<" in page
    refused = client.post("/accounts/login/", {}, headers=headers).content.decode()
    assert "This field is required." in refused
