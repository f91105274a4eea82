"""Declarative management's JSON: documents in Apple's shape, reports merged, nonsense refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from devices.errors import DeclarationMissing, MessageInvalid, MessageUnknown
from devices.protocol.checkin import DeclarativeManagement, decode_checkin
from devices.protocol.declarative import (
    DeviceStatus,
    build_document,
    decode_endpoint,
    decode_status,
    merge_status,
)

SINCE = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def test_the_manifest_and_the_tokens_name_the_same_token() -> None:
    tokens = json.loads(build_document("tokens", since=SINCE))["SyncTokens"]
    manifest = json.loads(build_document("declaration-items", since=SINCE))
    assert tokens["Timestamp"] == "2026-01-02T03:04:05Z"
    assert tokens["DeclarationsToken"] == manifest["DeclarationsToken"]
    assert len(tokens["DeclarationsToken"]) <= 256
    kinds = ("Activations", "Assets", "Configurations", "Management")
    assert manifest["Declarations"] == {kind: [] for kind in kinds}


@pytest.mark.parametrize("kind", ["activation", "asset", "configuration", "management"])
def test_a_declaration_is_missing(kind: str) -> None:
    endpoint = decode_endpoint(f"declaration/{kind}/com.example.one")
    with pytest.raises(DeclarationMissing):
        build_document(endpoint, since=SINCE)


@pytest.mark.parametrize(
    "text",
    [
        "Tokens",
        "declaration",
        "declaration/asset",
        "declaration/asset/",
        "declaration/asset/a/b",
        "declaration/asset/a\n",
        "declaration/wish/com.example.one",
        "../status",
    ],
)
def test_other_endpoints_are_unknown(text: str) -> None:
    with pytest.raises(MessageUnknown):
        decode_endpoint(text)


def test_a_report_is_read_as_far_as_it_goes() -> None:
    assert decode_status(b"{}") == DeviceStatus({}, [], False)
    full = {"StatusItems": {"a": 1}, "Errors": [{"StatusItem": "b"}], "FullReport": True}
    expected = DeviceStatus({"a": 1}, [{"StatusItem": "b"}], True)
    assert decode_status(json.dumps(full).encode()) == expected


@pytest.mark.parametrize(
    ("data", "items"),
    [
        (b'{"a": "x\\u0000y"}', {"a": "x\ufffdy"}),
        (b'{"\\u0000": 1}', {"\ufffd": 1}),
        (b'{"a": ["\\ud800x", "\\ude00"]}', {"a": ["\ufffdx", "\ufffd"]}),
        (b'{"a": "\\ud83d\\ude00\\u00e9"}', {"a": "😀é"}),
        (b'{"a": "\\\\u0000"}', {"a": "\\u0000"}),
    ],
)
def test_what_no_database_takes_is_replaced_in_the_texts_of_a_report(
    data: bytes, items: dict[str, Any]
) -> None:
    assert decode_status(b'{"StatusItems": ' + data + b"}").items == items


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        b"\xff\xfe{}",
        b"[]",
        b"7",
        b'{"StatusItems": []}',
        b'{"Errors": {}}',
        b'{"FullReport": "yes"}',
        b'{"StatusItems": {"a": NaN}}',
        b'{"StatusItems": {"a": 1e999}}',
        b'{"StatusItems": {"a": 123456789012345678901234567890}}',
        b'{"StatusItems": ' + b'{"a":' * 40 + b"1" + b"}" * 41,
        b"[" * 100_000,
        b'{"StatusItems": {"a": ' + b"9" * 5000 + b"}}",
    ],
)
def test_a_report_that_cannot_be_stored_is_refused(data: bytes) -> None:
    with pytest.raises(MessageInvalid, match=r"Data|StatusItems|Errors|FullReport"):
        decode_status(data)


@pytest.mark.parametrize(
    ("known", "reported", "merged"),
    [
        ({}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": [{"identifier": "x", "v": 1}]}, {"a": []}, {"a": []}),
        (
            {"a": [{"identifier": "x", "v": 1}, {"identifier": "y"}]},
            {"a": [{"identifier": "x", "v": 2}, {"identifier": "z"}]},
            {"a": [{"identifier": "x", "v": 2}, {"identifier": "y"}, {"identifier": "z"}]},
        ),
        (
            {"a": [{"identifier": "x"}, {"identifier": "y"}]},
            {"a": [{"identifier": "x", "_removed": True}]},
            {"a": [{"identifier": "y"}]},
        ),
        ({}, {"a": [{"identifier": "x", "_removed": True}]}, {"a": []}),
        ({"a": ["text"]}, {"a": [{"identifier": "x"}]}, {"a": [{"identifier": "x"}]}),
        ({"a": 1}, {"a": [{"identifier": 7}]}, {"a": [{"identifier": 7}]}),
    ],
)
def test_a_report_of_changes_is_merged(known: Any, reported: Any, merged: Any) -> None:
    assert merge_status(known, reported) == merged


def test_only_a_status_message_carries_data() -> None:
    message = {"MessageType": "DeclarativeManagement", "UDID": "U", "Data": b"nonsense"}
    tokens = decode_checkin(message | {"Endpoint": "tokens"})
    assert isinstance(tokens, DeclarativeManagement)
    assert tokens.status is None
    with pytest.raises(MessageInvalid, match="Data"):
        decode_checkin(message | {"Endpoint": "status"})
