from datetime import UTC, datetime, timedelta

import pytest

from organization.protocol.expiry import decode_expiry

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", NOW + timedelta(hours=24)),
        ("7d", NOW + timedelta(days=7)),
        ("never", None),
        ("2026-02-01T00:00:00+00:00", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-01T12:00", datetime(2026, 2, 1, 12, tzinfo=UTC)),
    ],
)
def test_moment_comes_out_when_the_expiry_is_written_well(
    text: str, expected: datetime | None
) -> None:
    assert decode_expiry(text, now=NOW) == expected


@pytest.mark.parametrize("text", ["", "0d", "-1d", "7w", "soon", "2025-12-31T00:00:00Z", "1e9d"])
def test_expiry_is_refused_when_it_is_past_or_unreadable(text: str) -> None:
    with pytest.raises(ValueError):
        decode_expiry(text, now=NOW)
