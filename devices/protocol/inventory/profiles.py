"""ProfileList: which profiles a device has. Keys: Apple, profile.list."""

import json
from typing import Any

from devices.protocol.inventory.values import bound_facts, read_text

MOST, MOST_PAYLOADS = 1000, 100
MOST_KEYS, LONGEST_VALUE, LONGEST_TYPE = 40, 2048, 255
MOST_CHARACTERS = 1024 * 1024
"""Of all together, as JSON: a thousand times what a profile takes."""
LEFT_OUT = ("PayloadContent", "SignerCertificates")
OF_PAYLOAD = ("PayloadType", "PayloadIdentifier")


def decode_profiles(answer: list[Any]) -> list[dict[str, Any]]:
    """Return each profile's own keys, and of its payloads the type and identifier."""
    kept, left = [], MOST_CHARACTERS
    for profile in answer[:MOST]:
        summary = _summarise(profile) if isinstance(profile, dict) else None
        left -= len(json.dumps(summary)) if summary else 0
        if left < 0:
            break
        if summary:
            kept.append(summary)
    return kept


def _summarise(profile: dict[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in profile.items() if key not in LEFT_OUT}
    kept = bound_facts(own, most=MOST_KEYS, longest=LONGEST_VALUE)
    payloads = profile.get("PayloadContent")
    listed = payloads[:MOST_PAYLOADS] if isinstance(payloads, list) else []
    kept["PayloadContent"] = [
        {key: read_text(payload, key, longest=LONGEST_TYPE) for key in OF_PAYLOAD}
        for payload in listed
        if isinstance(payload, dict)
    ]
    return kept
