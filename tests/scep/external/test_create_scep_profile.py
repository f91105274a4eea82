"""manage.py create_scep_profile for an external server."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from scep.models import ScepProfile
from tests.scep.external.scep_server import TOKEN, ScepServer
from tests.scep.external.tls_server import WebServer

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command("create_scep_profile", "--name", "External", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def trusted(tmp_path: Path, stranger: ScepServer) -> str:
    path = tmp_path / "trusted.pem"
    path.write_text(stranger.authority.pem)
    return str(path)


def test_fingerprint_is_shown_to_be_confirmed_when_none_is_given(
    outside: WebServer, stranger: ScepServer, trusted: str, bootstrapped: None
) -> None:
    words = ["--challenge", "static", "--static-challenge", "correct horse"]
    words += ["--external-url", f"{outside.url}/scep", "--trusted-cas", trusted]
    with pytest.raises(CommandError, match=stranger.authority.fingerprint):
        run(*words)
    assert not ScepProfile.objects.filter(name="External").exists()


def test_profile_is_made_when_everything_is_given(
    outside: WebServer, stranger: ScepServer, trusted: str, tmp_path: Path, bootstrapped: None
) -> None:
    (tmp_path / "password").write_text(f"{TOKEN}\nsecond line\n")
    url = f"{outside.url}/scep"
    answer = run(
        "--challenge", "dynamic", "--hook", "json", "--hook-url", f"{outside.url}/challenge",
        "--hook-password-file", str(tmp_path / "password"), "--external-url", url,
        "--ca-fingerprint", stranger.authority.fingerprint.upper(), "--trusted-cas", trusted,
        "--subject", "CN={serial}", "--san", "dns={serial}.example.com", "--key-usage", "1",
        "--json",
    )  # fmt: skip
    profile = ScepProfile.objects.get(name="External")
    assert json.loads(answer) == {"id": profile.public_id, "url": url}
    assert bytes(profile.hook_password or b"") == TOKEN.encode()
    assert (profile.subject, profile.key_usage) == (["CN={serial}"], 1)
    assert profile.subject_alternative_names == ["dns={serial}.example.com"]
    assert TOKEN not in answer


def test_reason_is_told_when_a_file_or_the_server_is_missing(
    outside: WebServer, stranger: ScepServer, trusted: str, bootstrapped: None
) -> None:
    words = ["--challenge", "static", "--static-challenge", "correct horse"]
    words += ["--external-url", f"{outside.url}/scep"]
    confirmed = ["--ca-fingerprint", stranger.authority.fingerprint]
    with pytest.raises(CommandError, match="cannot be read"):
        run(*words, *confirmed, "--trusted-cas", "/nowhere.pem")
    with pytest.raises(CommandError, match="Upload the CA"):
        run(*words, *confirmed)
    stranger.is_down = True
    with pytest.raises(CommandError, match="503"):
        run(*words, "--trusted-cas", trusted)
