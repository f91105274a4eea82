"""An authenticator app: a secret of its own for each test, for a code is good once."""

import base64
import os
import time

from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)

PERIOD, ENOUGH = 30, 5  # seconds


def make_secret() -> str:
    return base64.b32encode(os.urandom(20)).decode()


def build_code(secret: str) -> str:
    """Return the code of this half minute, or of the next where this one is nearly over."""
    left = PERIOD - time.time() % PERIOD
    if left < ENOUGH:
        time.sleep(left)
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
