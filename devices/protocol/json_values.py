"""Answers of devices as JSON: what a column keeps and a page shows."""

import base64
import json
from datetime import datetime
from typing import Any

WITHHELD = "(withheld)"
# Secrets that devices put into answers; each has, or gets, a sealed column of its own.
SECRET_KEYS = frozenset(
    {
        "PIN",
        "Password",
        "PushMagic",
        "PushToken",
        "Token",
        "UnlockToken",
        "BootstrapToken",
        "UnlockKey",
        "ActivationLockBypassCode",
        "FDE_PersonalRecoveryKeyCMS",
        "FDE_PersonalRecoveryKeyDeviceKey",
        "RecoveryKey",
        "NewPassword",
        "CurrentPassword",
        "passwordHash",
        "UnusedRedemptionCode",
        "Latitude",
        "Longitude",
        "Altitude",
        "HorizontalAccuracy",
        "VerticalAccuracy",
        "Course",
        "Speed",
    }
)

# What a column keeps of one answer, in characters of JSON. The largest of real devices that are
# kept at all, a Mac's ProfileList, are a tenth of it.
LONGEST_ANSWER = 256 * 1024
# Real chains have a handful of links, from the outside inwards.
MOST_ERRORS, LONGEST_ERRORS = 20, 16 * 1024
LEFT_OUT = "(left out)"


def build_json_value(value: Any) -> Any:
    """Data becomes base64 text, dates ISO 8601 in UTC; secrets are replaced by a remark."""
    if isinstance(value, dict):
        return {
            key: WITHHELD if key in SECRET_KEYS else build_json_value(child)
            for key, child in value.items()
        }
    if isinstance(value, list):
        return [build_json_value(child) for child in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + "Z"
    return value


def encode_answer(answer: dict[str, Any]) -> str:
    """Return the JSON of an answer; of a larger one than LONGEST_ANSWER what comes first.

    What is cut says so under the key LEFT_OUT.
    """
    text = json.dumps(answer)
    if len(text) <= LONGEST_ANSWER:
        return text
    note = f"the answer had {len(text)} characters, of which the first {LONGEST_ANSWER} are kept"
    return json.dumps({**_Room(LONGEST_ANSWER).fit(answer), LEFT_OUT: note})


def encode_errors(chain: list[dict[str, Any]]) -> str:
    """Return the JSON of an ErrorChain; of a longer one the first links, and one that says so."""
    text = json.dumps(chain)
    if len(chain) <= MOST_ERRORS and len(text) <= LONGEST_ERRORS:
        return text
    kept = _Room(LONGEST_ERRORS).fit(chain[:MOST_ERRORS])
    note = f"({len(chain)} errors in {len(text)} characters: the rest was left out)"
    return json.dumps([*kept, {"USEnglishDescription": note}])


class _Room:
    """So many characters of JSON, which values use up in their order."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def fit(self, value: Any) -> Any:
        """Return as much of the value as there is room for."""
        if isinstance(value, dict):
            kept = {}
            for key, child in value.items():
                if not self._take(json.dumps(key) + ": , "):
                    break
                kept[key] = self.fit(child)
            return kept
        if isinstance(value, list):
            return [self.fit(child) for child in value if self._take(", ")]
        while isinstance(value, str) and len(json.dumps(value)) > max(self._left, 2):
            value = value[: len(value) // 2]
        self._take(json.dumps(value))
        return value

    def _take(self, text: str) -> bool:
        self._left -= len(text)
        return self._left > 0
