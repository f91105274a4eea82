"""The OCSP responder over HTTP: what nonsense, greed and strange requests get."""

import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from asn1crypto import core, ocsp
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scep.selectors import get_issuing_ca
from tests import plain_http
from tests.scep.asking import POST, ask_about, issue, issue_revoked
from tests.scep.relying_party import (
    GOOD,
    REVOKED,
    UNKNOWN,
    read_refusal,
    read_statuses,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def url(ocsp_url: str) -> str:
    return ocsp_url


@pytest.mark.parametrize("size", [0, 129, 1000, 40000])
def test_request_is_malformed_when_the_nonce_has_an_odd_size(post: Any, size: int) -> None:
    assert read_refusal(post(ask_about(issue(), nonce=os.urandom(size)))) == "malformed_request"


def build_message(**parts: Any) -> bytes:
    der: bytes = ocsp.OCSPRequest({"tbs_request": parts}).dump()
    return der


def build_ids(count: int) -> list[dict[str, Any]]:
    return [
        {
            "req_cert": {
                "hash_algorithm": {"algorithm": "sha1"},
                "issuer_name_hash": b"n" * 20,
                "issuer_key_hash": b"k" * 20,
                "serial_number": number + 1,
            }
        }
        for number in range(count)
    ]


def build_extension(oid: str, value: bytes, *, critical: bool) -> dict[str, Any]:
    return {"extn_id": oid, "critical": critical, "extn_value": core.ParsableOctetString(value)}


NULL = b"\x05\x00"
# What takes long to write is written by the test, not by every process that collects it.
MALFORMED: dict[str, bytes | Callable[[], bytes]] = {
    "nothing": b"",
    "garbage": b"\xff" * 300,
    "text": b"GET / HTTP/1.1",
    "no certificate": build_message(request_list=[]),
    "too many": lambda: build_message(request_list=build_ids(101)),
    "as many as fit": lambda: build_message(request_list=build_ids(900)),
    "trailing bytes": build_message(request_list=build_ids(1)) + b"\x00",
    "cut": build_message(request_list=build_ids(1))[:-5],
    "critical extension": build_message(
        request_list=build_ids(1),
        request_extensions=[build_extension("1.2.3.4", NULL, critical=True)],
    ),
    "critical extension of one": build_message(
        request_list=[
            build_ids(1)[0]
            | {"single_request_extensions": [build_extension("1.2.3.4", NULL, critical=True)]}
        ]
    ),
    "two nonces": build_message(
        request_list=build_ids(1),
        request_extensions=[
            build_extension("1.3.6.1.5.5.7.48.1.2", b"\x04\x02ab", critical=False) for _ in "ab"
        ],
    ),
    "nonce of another type": build_message(
        request_list=build_ids(1),
        request_extensions=[build_extension("1.3.6.1.5.5.7.48.1.2", b"\x04\x02ab", critical=False)],
    ).replace(b"\x04\x02ab", b"\x0c\x02ab"),
    "other answers wanted": build_message(
        request_list=build_ids(1),
        request_extensions=[
            build_extension("1.3.6.1.5.5.7.48.1.4", b"\x30\x04\x06\x02\x2a\x03", critical=False)
        ],
    ),
    "deep": b"\x30\x80" * 20000,
    "long length": b"\x30\x8f" + b"\xff" * 200,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_request_is_malformed_when_it_breaks_a_rule(post: Any, name: str) -> None:
    data = MALFORMED[name]
    answer = post(data() if callable(data) else data)
    assert read_refusal(answer) == "malformed_request"


def test_nothing_is_looked_up_when_a_request_asks_for_too_much(post: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        post(build_message(request_list=build_ids(101)))
    assert not any("issuedcertificate" in query["sql"] for query in queries)


def test_uncritical_extension_is_passed_over(post: Any) -> None:
    row = issue()
    request = ocsp.OCSPRequest.load(ask_about(row))["tbs_request"]
    extension = build_extension("1.2.3.4", NULL, critical=False)
    single = {"req_cert": request["request_list"][0]["req_cert"]}
    asked = build_message(
        request_list=[single | {"single_request_extensions": [extension]}],
        request_extensions=[extension],
    )
    assert read_statuses(post(asked)) == [GOOD]


@pytest.mark.parametrize("serial", [0, -5, 2**159, 2**161, 2**4000])
def test_certificate_is_unknown_when_its_number_is_strange(post: Any, serial: int) -> None:
    request = ocsp.OCSPRequest.load(ask_about(issue()))["tbs_request"]
    one = request["request_list"][0]["req_cert"].native
    one["hash_algorithm"] = {"algorithm": "sha1"}
    asked = build_message(request_list=[{"req_cert": one | {"serial_number": serial}}])
    assert read_statuses(post(asked)) == [UNKNOWN]


def test_issuer_is_not_found_by_md5(post: Any) -> None:
    identity = build_ids(1)[0]["req_cert"] | {"hash_algorithm": {"algorithm": "md5"}}
    assert read_refusal(post(build_message(request_list=[{"req_cert": identity}]))) == (
        "unauthorized"
    )


def test_hundred_certificates_are_answered_at_once(post: Any) -> None:
    known = issue_revoked()
    one = ocsp.OCSPRequest.load(ask_about(known))["tbs_request"]["request_list"][0]
    same = one["req_cert"].native | {"hash_algorithm": {"algorithm": "sha1"}}
    asked = [{"req_cert": same | {"serial_number": number}} for number in range(1, 100)]
    found = read_statuses(post(build_message(request_list=[*asked, {"req_cert": same}])))
    assert found == [UNKNOWN] * 99 + [REVOKED]


def test_request_is_refused_when_it_is_too_large(url: str) -> None:
    for size in (65537, 1_000_000):
        assert plain_http.post(url, content=b"0" * size, headers=POST).status_code == 413


def test_fetched_request_is_malformed_when_it_is_too_long(client: Client) -> None:
    # Not over HTTP: the tests' own file server stumbles over such a name first.
    answer = client.get(f"/pki/ocsp/{get_issuing_ca().public_id}/{'M' * 9000}")
    assert read_refusal(answer.content) == "malformed_request"


@pytest.mark.parametrize("path", ["", "/", "//", "/!!!", "/%00", "/M", "/%ff%fe", "/?a=b"])
def test_fetched_request_is_malformed_when_it_is_no_base64(url: str, path: str) -> None:
    answer = plain_http.get(url + path)
    assert (answer.status_code, read_refusal(answer.content)) == (200, "malformed_request")


def test_nothing_breaks_when_requests_are_mutated(post: Any) -> None:
    chance = random.Random(20240604)
    request = ask_about(issue(), nonce=b"n" * 32)
    for _ in range(300):
        data = bytearray(request)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        ocsp.OCSPResponse.load(post(bytes(data)), strict=True)
