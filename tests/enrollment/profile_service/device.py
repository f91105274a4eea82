"""A device that goes through the Profile Service against the server in this process."""

import plistlib
from collections.abc import Sequence
from typing import Any

import httpx
from cryptography import x509
from django.test import Client

from enrollment.models import EnrollmentSession, LogEntry, SessionState
from enrollment.services.token_texts import build_challenge
from tests.scep.device import make_key
from tests.simulator.cms.sign import Signer, build_signed_data
from tests.simulator.device import SimulatedDevice
from tests.simulator.factory import FactoryAuthority
from tests.simulator.habits import Habits
from tests.simulator.hardware import Hardware
from tests.simulator.state import Identity

CONTENT_TYPE = "application/pkcs7-signature"


class InProcess(httpx.BaseTransport):
    """Requests that stay in this process, and in the test's transaction."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = Client().generic(
            request.method,
            request.url.raw_path.decode(),
            request.read(),
            content_type=request.headers.get("Content-Type", ""),
            headers={**request.headers, "Host": "127.0.0.1"},
        )
        headers = dict(answer.headers)
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)


def make_device(
    factory: FactoryAuthority, *, platform: str = "ios", **habits: Any
) -> SimulatedDevice:
    http = httpx.Client(transport=InProcess())
    return SimulatedDevice(
        platform, http=http, factory=factory, habits=Habits(**habits), key=make_key(3)
    )


def sign(
    message: dict[str, Any] | bytes,
    *,
    identity: Identity,
    chain: Sequence[x509.Certificate] = (),
    ber: bool = False,
    **options: Any,
) -> bytes:
    content = message if isinstance(message, bytes) else plistlib.dumps(message)
    signer = Signer(identity.key, identity.certificate, **options)
    certificates = [identity.certificate, *chain]
    return build_signed_data(content, signers=[signer], certificates=certificates, ber=ber)


def describe(hardware: Hardware, *, session: EnrollmentSession, **other: Any) -> dict[str, Any]:
    """Phase 2's message of a device."""
    return {
        "UDID": hardware.udid,
        "SERIAL": hardware.serial,
        "PRODUCT": hardware.platform.product_name,
        "VERSION": hardware.platform.build_version,
        "CHALLENGE": build_challenge(session),
    } | other


def list_codes(session: EnrollmentSession) -> list[str]:
    """The log of the session, oldest first."""
    rows = LogEntry.objects.filter(session_id=session.public_id).order_by("id")
    return list(rows.values_list("code", flat=True))


def post(session: EnrollmentSession | str, body: bytes) -> Any:
    session_id = session if isinstance(session, str) else session.public_id
    path = f"/enroll/profile-service/{session_id}"
    return Client().post(path, body, content_type=CONTENT_TYPE)


def assert_refused(answer: Any, *, session: EnrollmentSession, status: int, code: str) -> None:
    assert (answer.status_code, answer.content.decode().strip()) == (status, code)
    assert list_codes(session)[-1] == code
    assert session.steps.get(code=code).kind.startswith("profile_service_")
    session.refresh_from_db()
    assert (session.state, session.failure_code) == (SessionState.FAILED, code)
