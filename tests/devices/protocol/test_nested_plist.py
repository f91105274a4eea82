"""A command's stored property list goes into its message as it is."""

import plistlib
from datetime import datetime
from typing import Any

import pytest

from devices.protocol.plist import encode_plist, nest_plist


@pytest.mark.parametrize(
    "inner",
    [
        {"RequestType": "ProfileList"},
        {"RequestType": "InstallProfile", "Payload": bytes(range(256)) * 30},
        {"a": {"b": [1, {"c": "</dict></plist>"}]}, "d": datetime(2026, 1, 2), "e": "é & <"},
        {},
    ],
)
@pytest.mark.parametrize("beside", [{"CommandUUID": "U & <"}, {}])
def test_what_is_nested_is_read_as_it_was(inner: dict[str, Any], beside: dict[str, Any]) -> None:
    nested = nest_plist(encode_plist(inner), key="Com&mand", beside=beside)
    assert plistlib.loads(nested) == {**beside, "Com&mand": inner}


def test_a_list_that_was_written_otherwise_is_read_first() -> None:
    inner = plistlib.dumps({"RequestType": "A"}, fmt=plistlib.FMT_BINARY)
    nested = nest_plist(inner, key="Command", beside={"CommandUUID": "U"})
    assert plistlib.loads(nested) == {"CommandUUID": "U", "Command": {"RequestType": "A"}}
