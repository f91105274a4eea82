"""What must be refused, over HTTP, and that the server is as healthy as before."""

import base64
import hashlib
import hmac
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from organization.protocol.public_id import build_public_id
from tests import plain_http
from tests.flows.server import Server, make_token, wait_for
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure
from tests.simulator.habits import Habits, Misbehaviour

pytestmark = pytest.mark.slow

RACERS, USES = 40, 10


def get_text(token: dict[str, Any]) -> str:
    """The JWT in a token's enrollment URL."""
    return parse_qs(urlsplit(token["url"]).query)["token"][0]


def is_healthy(server: Server) -> bool:
    return plain_http.get(f"{server.base_url}/readyz", timeout=10).status_code == 200


def _race(url: str, key: rsa.RSAPrivateKey) -> int:
    """Enroll one device; returns 200, or the status it was refused with."""
    device = SimulatedDevice(
        "ios", key=key, http=httpx.Client(timeout=120, verify=plain_http.TRUST)
    )
    try:
        device.enroll(url)
    except SimulationFailure as failure:
        return failure.status or 0
    return 200


def test_exactly_the_uses_left_enroll_when_forty_devices_race(
    server: Server, api: httpx.Client
) -> None:
    token = make_token(api, max_uses=USES)
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(RACERS)]
    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(lambda key: _race(token["url"], key), keys))

    assert answers.count(200) == USES
    assert {answer for answer in answers if answer != 200} <= {403, 410}
    assert is_healthy(server)


def _encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _public_pem(server: Server) -> bytes:
    return plain_http.get(f"{server.base_url}/enroll/ca.pem").content


def _forge(token: str, *, kind: str, pem: bytes) -> str:
    header, claims, signature = token.split(".")
    kid = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
    if kind == "tampered":
        body = json.loads(base64.urlsafe_b64decode(claims + "=="))
        return f"{header}.{_encode(body | {'max_uses': 0})}.{signature}"
    if kind == "none":
        return f"{_encode({'alg': 'none', 'typ': 'JWT', 'kid': kid})}.{claims}."
    head = f"{_encode({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{claims}"
    mac = hmac.new(pem, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


@pytest.mark.parametrize("kind", ["tampered", "none", "hs256"])
@pytest.mark.parametrize("path", ["enroll", "enroll/profile"])
def test_forged_token_is_refused_and_logged_when_a_page_or_profile_is_asked_for(
    server: Server, api: httpx.Client, kind: str, path: str
) -> None:
    forged = _forge(get_text(make_token(api)), kind=kind, pem=_public_pem(server))
    earlier = {entry["id"] for entry in api.get("enrollment/log").json()["results"]}
    answer = plain_http.get(f"{server.base_url}/{path}", params={"token": forged})

    assert answer.status_code in ({403} if kind == "tampered" else {400, 403})
    # Devices of earlier tests may still be pushed to and answer at the same moment.
    entries = [
        entry
        for entry in api.get("enrollment/log").json()["results"]
        if entry["id"] not in earlier and entry["code"].startswith("token_")
    ]
    assert [entry["code"] for entry in entries] in (
        ["token_signature_invalid"],
        ["token_malformed"],
    )
    assert entries[0]["cause"]
    assert entries[0]["resolution"]
    assert is_healthy(server)


def test_revoked_token_is_refused_at_page_profile_and_check_in(
    server: Server, api: httpx.Client
) -> None:
    token = make_token(api)
    device = SimulatedDevice("ios")
    device.open_page(token["url"])
    device.download_profile(token["url"])
    device.obtain_identity()
    api.post(f"enrollment/tokens/{token['jti']}/revoke").raise_for_status()

    assert plain_http.get(token["url"]).status_code == 410
    profile_url = token["url"].replace("/enroll?", "/enroll/profile?")
    assert plain_http.get(profile_url).status_code == 410
    with pytest.raises(SimulationFailure) as refused:
        device.authenticate()
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "misbehaviour",
    [
        Misbehaviour.BAD_SIGNATURE,
        Misbehaviour.NO_SIGNATURE,
        Misbehaviour.OTHER_UDID,
        Misbehaviour.WRONG_CHALLENGE,
        Misbehaviour.REUSED_CHALLENGE,
    ],
)
def test_device_is_refused_when_it_cheats(
    server: Server, api: httpx.Client, misbehaviour: Misbehaviour
) -> None:
    scep = api.get("scep/profiles").json()["results"][0]["id"]
    token = make_token(api, scep_profile=scep)
    device = SimulatedDevice("ios", habits=Habits(misbehave=misbehaviour))
    with pytest.raises(SimulationFailure) as refused:
        device.enroll(token["url"])

    assert refused.value.step == device.habits.refused_at
    assert refused.value.status in (None, 200, 400, 403)
    assert is_healthy(server)


@pytest.mark.parametrize(
    "body",
    [b"", b"<", b"bplist00" + b"\xff" * 64, b"<plist><dict>" * 4000, b"\x00" * 2_000_000],
    ids=["empty", "cut", "binary", "deep", "large"],
)
@pytest.mark.parametrize("path", ["mdm/checkin", "mdm/connect"])
def test_nonsense_is_refused_when_it_comes_to_a_device_url(
    server: Server, path: str, body: bytes
) -> None:
    answer = httpx.put(f"{server.base_url}/{path}", content=body)

    assert answer.status_code in (400, 403, 413)
    assert is_healthy(server)


class InChunks(httpx.HTTPTransport):
    """A client that does not say beforehand how long its SCEP message is."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and "/scep/" in request.url.path:
            body = request.read()
            pieces = [body[at : at + 700] for at in range(0, len(body), 700)]
            request = httpx.Request(request.method, request.url, content=iter(pieces))
        return super().handle_request(request)


def test_device_enrolls_when_it_sends_its_scep_message_in_chunks(
    server: Server, api: httpx.Client
) -> None:
    scep = api.get("scep/profiles").json()["results"][0]["id"]
    with httpx.Client(transport=InChunks(), timeout=60) as http:
        device = SimulatedDevice("ios", http=http)
        device.enroll(make_token(api, scep_profile=scep)["url"])
    assert device.is_enrolled


CHUNKED, TEN_MB = b"Transfer-Encoding: chunked", 10 * 1024 * 1024


@pytest.mark.parametrize(
    ("head", "sent", "status", "said"),
    [
        (CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", b"400", "no SCEP message"),
        (CHUNKED, b"20\r\nhello", b"", "no SCEP message"),
        (CHUNKED, b"40000\r\n" + b"0" * 0x40000 + b"\r\n", b"413", "larger than 64 KB"),
        (b"Content-Length: %d" % (TEN_MB + 1), b"0", b"413", "larger than 64 KB"),
    ],
    ids=["nonsense in chunks", "broken off", "endless", "more than 10 MB"],
)
def test_scep_message_is_refused_with_an_entry_in_the_log(
    server: Server, api: httpx.Client, head: bytes, sent: bytes, status: bytes, said: str
) -> None:
    """The administrator sees why a client cannot enroll, also where its body is not read."""
    scep = api.get("scep/profiles").json()["results"][0]["id"]
    session = build_public_id("ses")
    address = urlsplit(server.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        target = f"/scep/{scep}/{session}?operation=PKIOperation".encode()
        host = address.netloc.encode()
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n" % (target, host, head))
        connection.sendall(sent)
        if status:
            assert connection.recv(4096).startswith(b"HTTP/1.1 " + status)
    (entry,) = wait_for(
        lambda: api.get("enrollment/log", params={"session": session}).json()["results"]
    )
    assert (entry["code"], entry["remote_address"]) == ("scep_request_rejected", "127.0.0.1")
    assert said in entry["message"]
    assert is_healthy(server)


def test_no_token_is_left_anywhere_when_devices_have_enrolled(
    server: Server, api: httpx.Client
) -> None:
    scep = api.get("scep/profiles").json()["results"][0]["id"]
    token = make_token(api, scep_profile=scep)
    SimulatedDevice("macos").enroll(token["url"])
    SimulatedDevice("ios", habits=Habits(direct=True)).enroll(token["url"])
    claims = get_text(token).split(".")[1].encode()

    assert "eyJ" not in server.log
    for path, content in server.read_files():
        assert claims not in content, path
