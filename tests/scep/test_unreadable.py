"""Knocking in vain at the SCEP endpoint: what an administrator sees of it, and when it ends."""

import base64
from io import BytesIO
from typing import Any

import pytest
from cryptography import x509
from django.test import Client

from enrollment.models import LogEntry
from scep.models import IssuedCertificate, ScepProfile
from scep.views.scep import answer_plainly
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device

pytestmark = pytest.mark.django_db
PKI_MESSAGE = "application/x-pki-message"
ADDRESS = "203.0.113.9"


def list_log() -> list[tuple[str, str, str | None]]:
    entries = LogEntry.objects.order_by("id")
    return [(entry.code, entry.message, entry.remote_address) for entry in entries]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("operation=PKIOperation", "holds no message"),
        ("operation=PKIOperation&message=", "holds no message"),
        ("operation=PKIOperation&message=%%%", "not base64"),
        ("operation=PKIOperation&message=ab_*", "not base64"),
        ("operation=PKIOperation&message=AAAA", "no SCEP message"),
        ("operation=PKIOperation&message=" + "A" * 9000, "longer than 8 KB"),
        ("operation=getcacaps", "operation getcacaps is not offered"),
        ("operation=PKCSReq&message=AAAA", "operation PKCSReq is not offered"),
        ("operation=%3Cscript%3E", "the SCEP operation is not offered"),
        ("operation=" + "x" * 33, "the SCEP operation is not offered"),
        ("message=AAAA", "names no SCEP operation"),
        ("operation=GetCACaps&operation=PKIOperation", "says twice what its operation is"),
        ("operation=GetCACert&message=a&message=a", "says twice what its message is"),
        ("operation=GetCACert&message=&message=a", "says twice what its message is"),
    ],
)
def test_get_is_logged_when_nothing_can_be_read_of_it(
    client: Client, static_profile: ScepProfile, query: str, said: str
) -> None:
    url = f"/scep/{static_profile.public_id}"
    response = client.get(url, QUERY_STRING=query, REMOTE_ADDR=ADDRESS)
    assert response.status_code == 400
    assert said in response.content.decode()
    [(code, message, address)] = list_log()
    assert (code, address) == ("scep_request_rejected", ADDRESS)
    assert said in message


@pytest.mark.parametrize(
    ("query", "body", "status", "said"),
    [
        ("?operation=PKIOperation", b"", 400, "no SCEP message"),
        ("?operation=PKIOperation", b"<html>", 400, "no SCEP message"),
        ("?operation=PKIOperation", b"0" * 65537, 413, "larger than 64 KB"),
        ("?operation=pkioperation", b"0", 400, "operation pkioperation is not offered"),
        ("", b"0", 400, "names no SCEP operation"),
        ("?operation=PKIOperation&operation=PKIOperation", b"0", 400, "says twice"),
    ],
)
def test_post_is_logged_when_nothing_can_be_read_of_it(
    client: Client, static_profile: ScepProfile, query: str, body: bytes, status: int, said: str
) -> None:
    url = f"/scep/{static_profile.public_id}{query}"
    response = client.post(url, body, REMOTE_ADDR=ADDRESS, content_type=PKI_MESSAGE)
    assert response.status_code == status
    assert said in response.content.decode()
    [(code, message, address)] = list_log()
    assert (code, address) == ("scep_request_rejected", ADDRESS)
    assert said in message


def test_post_is_logged_when_its_end_never_came(
    client: Client, static_profile: ScepProfile
) -> None:
    session = "ses_" + "c" * 20
    environ = {
        "REQUEST_METHOD": "POST",
        "QUERY_STRING": "operation=PKIOperation",
        "CONTENT_LENGTH": "3000",
        "REMOTE_ADDR": ADDRESS,
        "wsgi.input": BytesIO(b"x" * 1000),
    }
    answer: Any = answer_plainly(environ, static_profile.public_id, session)
    assert answer.status_code == 400
    [(code, message, address)] = list_log()
    assert (code, address) == ("scep_request_rejected", ADDRESS)
    assert "1000 of 3000 bytes" in message
    assert LogEntry.objects.get().session_id == session


def test_log_names_the_session_when_its_url_was_used(
    client: Client, static_profile: ScepProfile
) -> None:
    session = "ses_" + "c" * 20
    client.get(f"/scep/{static_profile.public_id}/{session}?operation=PKIOperation&message=%25")
    assert LogEntry.objects.get().session_id == session


@pytest.mark.parametrize(
    "query",
    [
        *("", "operation=", "utm_source=chat", "operation=GetCACaps", "operation=GetCACert"),
        *("operation=GetCACaps&message=", "operation=GetNextCACert"),
    ],
)
def test_nothing_is_logged_or_counted_when_somebody_only_looks(
    client: Client, static_profile: ScepProfile, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """A browser, a chat's preview, a health check: it says nothing of any device."""
    monkeypatch.setattr("scep.services.refusals.REFUSAL_LIMIT", 1)
    url = f"/scep/{static_profile.public_id}"
    seen = {client.get(url, QUERY_STRING=query).status_code for _ in range(3)}
    assert seen in ({200}, {400})
    assert client.head(url, QUERY_STRING=query).status_code == 405
    assert client.get("/scep/scep_" + "a" * 20, QUERY_STRING=query).status_code == 404
    answer = client.post(f"{url}?operation=PKIOperation", b"0", content_type=PKI_MESSAGE)
    assert answer.status_code == 400  # not 429
    assert len(list_log()) == 1


@pytest.mark.parametrize(
    "query",
    [
        *("operation=PKIOperation&message=%25", "operation=PKIOperation", "operation=x"),
        *("message=AAAA", "operation=PKIOperation&message=" + "A" * 9000),
    ],
)
def test_flood_ends_in_the_log_where_the_address_has_to_wait(
    client: Client,
    static_profile: ScepProfile,
    ra: x509.Certificate,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
) -> None:
    """All that cannot be read counts as one, and beside it nothing else is answered."""
    monkeypatch.setattr("scep.services.refusals.REFUSAL_LIMIT", 4)
    url = f"/scep/{static_profile.public_id}"

    def flood(address: str) -> list[int]:
        sent = [
            client.post(
                f"{url}?operation=PKIOperation",
                b"0" * 65537,
                REMOTE_ADDR=address,
                content_type=PKI_MESSAGE,
            )
        ]
        sent += [client.get(url, QUERY_STRING=query, REMOTE_ADDR=address) for _ in range(9)]
        return [answer.status_code for answer in sent]

    assert flood(ADDRESS) == [413, 400, 400, 400, *[429] * 6]
    assert len(list_log()) == 4
    message = Device().build_request(ra=ra, challenge=STATIC_CHALLENGE)
    pki_operation = f"{url}?operation=PKIOperation"
    assert (
        client.post(
            pki_operation, message, REMOTE_ADDR=ADDRESS, content_type=PKI_MESSAGE
        ).status_code
        == 429
    )
    answer = client.get(
        url,
        {"operation": "PKIOperation", "message": base64.b64encode(message).decode()},
        REMOTE_ADDR="203.0.113.10",
    )
    assert answer.status_code == 200
    assert IssuedCertificate.objects.count() == 1


def test_addresses_of_one_ipv6_network_have_one_limit(
    client: Client, static_profile: ScepProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has one of them has the 2^64 beside it."""
    monkeypatch.setattr("scep.services.refusals.REFUSAL_LIMIT", 4)
    url = f"/scep/{static_profile.public_id}?operation=x"
    seen = [
        client.get(url, REMOTE_ADDR=f"2001:db8:1:2::{host}").status_code for host in range(1, 9)
    ]
    assert seen == [400, 400, 400, 400, *[429] * 4]
    assert client.get(url, REMOTE_ADDR="2001:db8:1:3::1").status_code == 400
