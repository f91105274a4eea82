"""Payloads that devices of a policy would refuse are told when a profile is uploaded."""

import json
from pathlib import Path

import pytest

from policies.protocol.payload_needs import find_misfits

WEB_CLIP, FILEVAULT = "com.apple.webClip.managed", "com.apple.MCX.FileVault2"
WIFI, LOCK = "com.apple.wifi.managed", "com.apple.app.lock"
FACTS = Path(__file__).parents[2] / "apple" / "facts" / "payloads"


@pytest.mark.parametrize(
    ("payload", "platforms", "words"),
    [
        (FILEVAULT, [], "iPhones and iPads do not know it"),
        (FILEVAULT, ["macos", "ipados"], "Limit the profile to Macs"),
        (LOCK, ["macos"], "Macs do not know it"),
        (LOCK, ["ios"], "only supervised"),
        (WEB_CLIP, [], "for a user only"),
    ],
)
def test_it_is_told_when_a_platform_refuses_a_payload(
    payload: str, platforms: list[str], words: str
) -> None:
    [sentence] = find_misfits([WIFI, payload], platforms=platforms)
    assert sentence.startswith(f"{payload}: ")
    assert words in sentence


@pytest.mark.parametrize(
    ("payload", "platforms"),
    [
        (WIFI, []),
        (FILEVAULT, ["macos"]),
        (WEB_CLIP, ["ios", "ipados"]),
        ("com.google.Chrome", []),
    ],
)
def test_nothing_is_told_when_every_platform_takes_it(payload: str, platforms: list[str]) -> None:
    assert list(find_misfits([payload], platforms=platforms)) == []


def test_the_schema_agrees_where_a_payloads_facts_are_at_hand() -> None:
    for path in FACTS.glob("com.*.json"):
        told = json.loads(path.read_text())
        words = " ".join(find_misfits([path.stem], platforms=[]))
        assert ("iPads do not know it" in words) is not bool(told["ios"]), path.stem
        assert ("Macs do not know it" in words) is not bool(told["macos"]), path.stem
