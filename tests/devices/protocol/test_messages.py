"""Check-in messages and reports: decoded with their types, refused by the key that is wrong."""

from datetime import datetime
from typing import Any

import pytest

from devices.errors import MessageInvalid, MessageUnknown
from devices.protocol.channel import Channel
from devices.protocol.checkin import (
    Authenticate,
    CheckOut,
    SetBootstrapToken,
    TokenUpdate,
    decode_checkin,
)
from devices.protocol.connect import decode_report, get_error_text
from devices.protocol.json_values import WITHHELD, build_json_value
from devices.protocol.platform import get_platform

ENROLLING = {"MessageType": "Authenticate", "Topic": "com.apple.mgmt.External.a", "UDID": "U"}
UPDATE = ENROLLING | {"MessageType": "TokenUpdate", "Token": b"\x01\x02", "PushMagic": "M"}


def test_authenticate_carries_the_facts() -> None:
    message = decode_checkin(ENROLLING | {"SerialNumber": "S", "ProductName": "iPhone14,2"})
    assert isinstance(message, Authenticate)
    assert (message.udid, message.serial_number) == ("U", "S")
    assert message.facts["ProductName"] == "iPhone14,2"


def test_a_token_update_keeps_secrets_out_of_its_text() -> None:
    message = decode_checkin(UPDATE | {"UnlockToken": b"unlock"})
    assert isinstance(message, TokenUpdate)
    assert (message.push_token, message.unlock_token) == (b"\x01\x02", b"unlock")
    assert "unlock" not in repr(message)
    assert "'M'" not in repr(message)


@pytest.mark.parametrize("key", ["UserID", "EnrollmentUserID"])
def test_a_users_message_is_told_apart(key: str) -> None:
    assert decode_checkin(UPDATE | {key: "F" * 8}).is_user_channel
    assert not decode_checkin(UPDATE).is_user_channel


LINK = {"ErrorDomain": "X", "ErrorCode": 7, "USEnglishDescription": "Not while locked."}
CHAIN = [LINK]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"Settings": [{"Status": "Error", "ErrorChain": CHAIN}]}, "Not while locked."),
        ({"Settings": {"Status": "Error"}}, "The device refused the setting."),
        (
            {"Settings": [{"Status": "Acknowledged"}, {"Status": "Error", "ErrorChain": "x"}]},
            "The device refused the setting.",
        ),
        (
            {"UpdateResults": [{"InstallAction": "Error", "ErrorChain": CHAIN}]},
            "Not while locked.",
        ),
        (
            {"UpdateResults": [{"Status": "DownloadInsufficientSpace"}]},
            "The device cannot update: DownloadInsufficientSpace.",
        ),
        ({"SetFirmwarePassword": {"PasswordChanged": False}}, "The Mac did not change"),
        (
            {"ResponseList": [{"DeviceRequestSuccess": False, "DeviceRequestReturnError": "Off."}]},
            "Off.",
        ),
    ],
)
def test_what_is_refused_inside_an_acknowledged_answer_is_an_error(
    answer: dict[str, Any], text: str
) -> None:
    report = decode_report({"UDID": "U", "CommandUUID": "C", "Status": "Acknowledged", **answer})
    assert report.status == "Error"
    assert text in get_error_text(report.error_chain)
    assert report.answer == answer


@pytest.mark.parametrize(
    "answer",
    [
        {"Settings": [{"Status": "Acknowledged", "Identifier": "a"}]},
        {"Settings": [{"Identifier": "a"}, 5]},
        {"Settings": "Error"},
        {"UpdateResults": [{"InstallAction": "InstallASAP", "Status": "Downloading"}]},
        {"SetFirmwarePassword": {"PasswordChanged": True}},
        {"ResponseList": [{"DeviceRequestSuccess": True}]},
        {"PasswordVerified": False},
    ],
)
def test_an_acknowledged_answer_is_none_when_nothing_is_refused_inside(
    answer: dict[str, Any],
) -> None:
    report = decode_report({"UDID": "U", "CommandUUID": "C", "Status": "Acknowledged", **answer})
    assert (report.status, report.error_chain) == ("Acknowledged", [])


def test_an_empty_bootstrap_token_takes_the_old_one_back() -> None:
    message = decode_checkin(
        {"MessageType": "SetBootstrapToken", "UDID": "U", "BootstrapToken": b""}
    )
    assert message == SetBootstrapToken(Channel("U"), bootstrap_token=None)


def test_check_out_needs_no_topic() -> None:
    assert decode_checkin({"MessageType": "CheckOut", "UDID": "U"}) == CheckOut(Channel("U"))


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"UDID": ""}, "UDID"),
        ({"UDID": 5}, "UDID"),
        ({"UDID": "x" * 65}, "UDID"),
        ({"Topic": None}, "Topic"),
        ({"Token": "text"}, "Token"),
        ({"Token": b""}, "Token"),
        ({"Token": bytes(300)}, "Token"),
        ({"PushMagic": ["M"]}, "PushMagic"),
        ({"UnlockToken": "text"}, "UnlockToken"),
    ],
)
def test_a_wrong_key_is_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(MessageInvalid, match=key):
        decode_checkin(UPDATE | change)


@pytest.mark.parametrize(
    "name", ["getToken", "DeclarativeManagement2", "Nonsense", "__class__", "decode_checkin"]
)
def test_a_message_type_outside_the_table_is_refused(name: str) -> None:
    with pytest.raises(MessageUnknown):
        decode_checkin({"MessageType": name, "UDID": "U"})


def test_a_report_separates_its_answer_from_its_envelope() -> None:
    report = decode_report(
        {"Status": "Acknowledged", "UDID": "U", "CommandUUID": "C", "QueryResponses": {"a": 1}}
    )
    assert (report.status, report.command_uuid) == ("Acknowledged", "C")
    assert report.answer == {"QueryResponses": {"a": 1}}


@pytest.mark.parametrize(
    "message",
    [
        {"UDID": "U"},
        {"Status": "Fine", "UDID": "U"},
        {"Status": "Idle"},
        {"Status": "Error", "UDID": "U", "CommandUUID": 7},
    ],
)
def test_a_report_without_sense_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(MessageInvalid):
        decode_report(message)


@pytest.mark.parametrize(
    ("chain", "links"),
    [
        ("broken", []),
        (None, []),
        ([], []),
        (LINK, [LINK]),
        (["broken", LINK, 7], [LINK]),
    ],
)
def test_a_report_counts_though_its_error_chain_is_odd(
    chain: Any, links: list[dict[str, Any]]
) -> None:
    message = {"Status": "Error", "UDID": "U", "CommandUUID": "C", "ErrorChain": chain}
    report = decode_report(message)
    assert (report.status, report.command_uuid, report.error_chain) == ("Error", "C", links)


def test_the_us_text_of_an_error_chain_is_shown() -> None:
    chain: list[dict[str, Any]] = [
        {"USEnglishDescription": "Profile failed", "LocalizedDescription": "Profil …"},
        {"LocalizedDescription": "Innen"},
        {"ErrorCode": 5},
        {"USEnglishDescription": 7},
        {"USEnglishDescription": "Profile failed"},
    ]
    assert get_error_text(chain) == "Profile failed / Innen"


def test_an_error_turns_no_words_around_it_when_it_would() -> None:
    assert get_error_text([{"USEnglishDescription": "no\u202e profile"}]) == "no profile"


def test_answers_become_json_without_secrets() -> None:
    value = build_json_value(
        {"d": b"\x00\x01", "t": datetime(2026, 1, 2), "l": [{"PushToken": b"x"}], "PIN": "1"}
    )
    assert value == {
        "d": "AAE=",
        "t": "2026-01-02T00:00:00Z",
        "l": [{"PushToken": WITHHELD}],
        "PIN": WITHHELD,
    }


@pytest.mark.parametrize(
    ("names", "platform"),
    [
        (("iPhone14,2",), "ios"),
        (("iPod9,1",), "ios"),
        (("iPad13,4",), "ipados"),
        (("MacBookPro18,1",), "macos"),
        (("Mac14,2",), "macos"),
        (("VirtualMac2,1",), "macos"),
        (("VMware20,1",), "macos"),
        (("Parallels19,1",), "macos"),
        (("iMac21,1",), "macos"),
        (("", "Mac mini"), "macos"),
        (("MGLW3LL/A", "iPad"), "ipados"),
        (("AppleTV11,1",), "other"),
        (("", ""), "other"),
    ],
)
def test_the_platform_is_read_from_the_models_name(names: tuple[str, ...], platform: str) -> None:
    assert get_platform(*names) == platform
