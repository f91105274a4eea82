"""GUARDMDM_DEVICE_CA: whose devices pass for Apple's, and that nobody forgets it on a server."""

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks

from enrollment.services.device_authority import get_device_authority
from tests.simulator.factory import make_authority


def list_messages() -> list[CheckMessage]:
    return [each for each in run_checks() if (each.id or "").startswith("enrollment.")]


def test_apples_ca_counts_and_nothing_is_said_when_the_setting_is_empty(settings: Any) -> None:
    settings.DEVICE_CA = ""
    name = get_device_authority().issuer.subject.rfc4514_string()
    assert name == "CN=Apple iPhone Device CA,OU=Apple iPhone,O=Apple Inc.,C=US"
    assert list_messages() == []


def test_start_warns_and_apples_ca_counts_no_more_when_another_is_set(
    settings: Any, tmp_path: Path
) -> None:
    path, factory = tmp_path / "ca.pem", make_authority()
    path.write_bytes(factory.ca_pem)
    settings.DEVICE_CA = str(path)
    (message,) = list_messages()
    assert (message.id, message.is_serious()) == ("enrollment.W001", False)
    assert get_device_authority().issuer == factory.certificate


@pytest.mark.parametrize("content", [None, b"", b"no PEM"])
def test_start_fails_when_the_file_cannot_be_used(
    settings: Any, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    settings.DEVICE_CA = str(path)
    (message,) = list_messages()
    assert (message.id, message.is_serious()) == ("enrollment.E001", True)
