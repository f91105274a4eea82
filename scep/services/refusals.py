"""What is done about a refused request, and how many of them one address may send.

Only refusals count: a school behind one router enrolls a hundred devices at once. Past the limit
nothing of the address is answered or logged, until the minute is over. So one address writes no
more than REFUSAL_LIMIT entries a minute, whatever it sends.
"""

import time
from contextlib import suppress
from functools import lru_cache

from organization.errors import RateLimited
from organization.protocol.caller import Caller
from organization.services.client_address import name_site
from organization.services.rate_limit import check_rate, check_tries
from scep.errors import RequestRejected, ScepError
from scep.models import ScepProfile
from scep.signals import scep_request_refused

REFUSAL_LIMIT, SECONDS = 120, 60
LOG_CODE_PREFIXES = (
    "scep_",
    "token_",
    "session_",
    "sign_in_",
    "group_",
    "identity_",
    "device_",
    "certificate_",
    "enrollment_stopped",
)


def report_refusal(
    refusal: ScepError,
    *,
    scep_profile: ScepProfile,
    caller: Caller,
    session_id: str,
    transaction_id: str = "",
) -> None:
    """Count the refusal of the address, and fire scep_request_refused."""
    _count_refusal(caller.address)
    known = refusal.code.startswith(LOG_CODE_PREFIXES)
    # Robust: a listener that fails must not turn a refusal into a server error.
    scep_request_refused.send_robust(
        sender=ScepProfile,
        code=refusal.code if known else RequestRejected.code,
        message=str(refusal),
        session_id=session_id,
        token_id=refusal.token_id,
        scep_profile=scep_profile,
        caller=caller,
        detail={
            "fail_info": int(refusal.fail_info),
            "transaction_id": transaction_id,
            "scep_profile": scep_profile.public_id,
            **({"held_request": refusal.held_request} if refusal.held_request else {}),
        },
    )


def _count_refusal(remote_address: str | None) -> None:
    with suppress(RateLimited):
        check_rate(_key(remote_address), limit=REFUSAL_LIMIT, seconds=SECONDS)
    _check_this_second.cache_clear()


def check_refusals(remote_address: str | None) -> None:
    """Raise RateLimited where too many requests of the address were refused.

    That an address may go on is asked once a second, and after each refusal of this process: the
    count that all processes share costs as much as a statement.
    """
    _check_this_second(remote_address, int(time.monotonic()))


@lru_cache(maxsize=1024)
def _check_this_second(remote_address: str | None, _second: int) -> None:
    check_tries(_key(remote_address), limit=REFUSAL_LIMIT - 1, seconds=SECONDS)


def _key(remote_address: str | None) -> str:
    return f"scep:{name_site(remote_address)}"
