"""The fake APNs, spoken to by a real HTTP/2 client with client certificates."""

import contextlib
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded

from tests.simulator.apns import FakeApns, make_authority

TOPIC = "com.apple.mgmt.External.check"
TOKEN = bytes(range(32))
MAGIC = "MAGIC"

Connect = Callable[..., httpx.Client]


@pytest.fixture
def apns() -> Iterator[FakeApns]:
    with FakeApns() as server:
        yield server


@pytest.fixture
def connect(apns: FakeApns, tmp_path: Path) -> Iterator[Connect]:
    clients: list[httpx.Client] = []

    def build(topic: str | None = TOPIC, *, server: FakeApns = apns, issuer: Any = None) -> Any:
        context = ssl.create_default_context(cadata=server.ca_pem.decode())
        if topic:
            pair = (issuer or server.authority).issue_push_certificate(topic)
            path = tmp_path / "push.pem"
            path.write_bytes(pair.pem)
            context.load_cert_chain(path)
        base = f"https://127.0.0.1:{server.port}"
        client = httpx.Client(http1=False, http2=True, verify=context, base_url=base)
        clients.append(client)
        return client

    yield build
    for client in clients:
        client.close()


def push(client: httpx.Client, *, token: bytes = TOKEN, **changes: str | None) -> httpx.Response:
    """One push; changes replace headers, None leaves one out."""
    headers = {
        "apns-topic": TOPIC,
        "apns-push-type": "mdm",
        "apns-priority": "10",
        "apns-expiration": "1900000000",
    }
    for name, value in changes.items():
        key = name.replace("_", "-")
        if value is None:
            headers.pop(key)
        else:
            headers[key] = value
    return client.post(f"/3/device/{token.hex()}", json={"mdm": MAGIC}, headers=headers)


def test_device_wakes_when_pushed(apns: FakeApns, connect: Connect) -> None:
    woken = threading.Event()
    apns.register(TOKEN, MAGIC, TOPIC, woken.set)
    answer = push(connect())
    assert answer.status_code == 200
    assert answer.http_version == "HTTP/2"
    assert woken.wait(30)
    [delivery] = apns.wait_for_deliveries(1)
    assert (delivery.token, delivery.magic, delivery.topic) == (TOKEN, MAGIC, TOPIC)
    assert delivery.apns_id == answer.headers["apns-id"]
    assert delivery.woke


def test_reason_is_apples_when_push_is_wrong(apns: FakeApns, connect: Connect) -> None:
    apns.register(TOKEN, MAGIC, TOPIC)
    other = b"\xff" * 32
    apns.register(other, MAGIC, "com.apple.mgmt.External.other")
    client = connect()
    for answer, status, reason in (
        (push(client, token=b"\0" * 32), 400, "BadDeviceToken"),
        (push(client, token=b"\0" * 8), 400, "BadDeviceToken"),
        (push(client, token=other), 400, "DeviceTokenNotForTopic"),
        (push(client, apns_topic=None), 400, "MissingTopic"),
        (push(client, apns_topic="com.example.app"), 400, "BadTopic"),
        (push(client, apns_topic="com.apple.mgmt.foreign"), 403, "BadCertificate"),
        (push(client, apns_push_type="alert"), 400, "InvalidPushType"),
        (push(client, apns_priority="7"), 400, "BadPriority"),
        (push(client, apns_expiration="soon"), 400, "BadExpirationDate"),
    ):
        assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    for path, body, status, reason in (
        (f"/3/device/{'xy' * 32}", b"{}", 400, "BadDeviceToken"),
        (f"/3/device/{' 0' * 32}", b"{}", 400, "BadDeviceToken"),
        ("/3/device/", b"{}", 400, "MissingDeviceToken"),
        (f"/3/device/{TOKEN.hex()}", b'{"aps": {}}', 400, "PayloadEmpty"),
        (f"/3/device/{TOKEN.hex()}", b'{"mdm": "%s"}' % (b"M" * 5000), 413, "PayloadTooLarge"),
        (f"/4/{TOKEN.hex()}", b"{}", 404, "BadPath"),
    ):
        headers = {"apns-topic": TOPIC, "apns-push-type": "mdm"}
        answer = client.post(path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert push(client, apns_id="no UUID").json()["reason"] == "BadMessageId"
    apns.unregister(TOKEN)
    gone = push(client)
    assert (gone.status_code, gone.json()["reason"]) == (410, "Unregistered")
    assert gone.json()["timestamp"] > 0


def test_answer_is_the_planned_one_when_told(apns: FakeApns, connect: Connect) -> None:
    apns.register(TOKEN, MAGIC, TOPIC)
    apns.answer_next(429, "TooManyRequests")
    apns.answer_next(503, "ServiceUnavailable")
    client = connect()
    assert [push(client).status_code for _ in range(3)] == [429, 503, 200]


@pytest.mark.parametrize("kind", ["close", "reset"])
def test_push_is_lost_once_when_disturbed(apns: FakeApns, connect: Connect, kind: str) -> None:
    apns.register(TOKEN, MAGIC, TOPIC)
    client = connect()
    assert push(client).status_code == 200
    apns.disturb_next(kind)
    with pytest.raises(httpx.HTTPError):
        push(client)
    assert push(connect()).status_code == 200
    assert len(apns.deliveries) == 2


def test_client_sends_again_when_goaway_left_it_unprocessed(
    apns: FakeApns, connect: Connect
) -> None:
    apns.register(TOKEN, MAGIC, TOPIC)
    client = connect()
    push(client)
    apns.disturb_next("goaway")
    # httpx opens a new connection for streams above GOAWAY's last one.
    assert push(client).status_code == 200
    assert len(apns.deliveries) == 2


def test_answer_comes_late_and_others_overtake_it(apns: FakeApns) -> None:
    apns.delay_next(0.5)
    client, ended = H2Connection(H2Configuration()), list[int]()
    with open_tls(apns) as connection:
        client.initiate_connection()
        request(client, 1)
        connection.sendall(client.data_to_send())
        while apns._delays:
            time.sleep(0.01)
        request(client, 3)
        while len(ended) < 2:
            connection.sendall(client.data_to_send())
            events = client.receive_data(connection.recv(65536))
            ended += [event.stream_id or 0 for event in events if isinstance(event, StreamEnded)]
    assert ended == [3, 1]


def request(client: H2Connection, stream_id: int) -> None:
    names = {":method": "POST", ":scheme": "https", ":authority": "x", ":path": "/3/device/"}
    client.send_headers(stream_id, list(names.items()), end_stream=True)


def test_answer_says_when_to_come_again(apns: FakeApns, connect: Connect) -> None:
    apns.answer_next(429, "TooManyRequests", retry_after=30)
    assert push(connect()).headers["retry-after"] == "30"


@pytest.mark.parametrize("kind", ["ignore", "freeze"])
def test_answer_never_comes_when_told_so(apns: FakeApns, connect: Connect, kind: str) -> None:
    client = connect()
    apns.disturb_next(kind)
    client.timeout = httpx.Timeout(30, read=0.5)
    with pytest.raises(httpx.ReadTimeout):
        push(client)
    assert apns.deliveries == []


def test_connection_ends_when_client_opens_too_many_streams(connect: Connect) -> None:
    with FakeApns(max_streams=2) as narrow:
        client = H2Connection(H2Configuration())
        with open_tls(narrow) as connection:
            client.initiate_connection()
            for stream_id in (1, 3, 5):
                client.send_headers(
                    stream_id,
                    [
                        (":method", "POST"),
                        (":scheme", "https"),
                        (":authority", "x"),
                        (":path", "/3/device/"),
                    ],
                )
            connection.sendall(client.data_to_send())
            while connection.recv(1000):
                pass
        assert len(narrow.violations) == 1


def test_http_1_is_refused(apns: FakeApns) -> None:
    with (
        open_tls(apns, protocol="http/1.1") as connection,
        contextlib.suppress(ConnectionResetError),  # where the server was quicker
    ):
        connection.sendall(b"POST /3/device/00 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1000) == b""


def open_tls(apns: FakeApns, *, protocol: str = "h2") -> ssl.SSLSocket:
    context = ssl.create_default_context(cadata=apns.ca_pem.decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(apns.issue_push_certificate(TOPIC).pem)
        file.flush()
        context.load_cert_chain(file.name)
    context.set_alpn_protocols([protocol])
    plain = socket.create_connection(("127.0.0.1", apns.port))
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_connection_fails_when_no_client_certificate(connect: Connect) -> None:
    with pytest.raises(httpx.HTTPError):
        push(connect(None))


def test_foreign_certificate_is_taken_only_when_no_client_ca(
    apns: FakeApns, connect: Connect
) -> None:
    stranger = make_authority()
    apns.register(TOKEN, MAGIC, TOPIC)
    assert push(connect(issuer=stranger)).status_code == 200
    with FakeApns(client_ca=make_authority().ca_pem) as strict:
        strict.register(TOKEN, MAGIC, TOPIC)
        with pytest.raises(httpx.HTTPError):
            push(connect(server=strict, issuer=stranger))
        assert push(connect(server=strict)).status_code == 200
    with FakeApns(client_ca=stranger.ca_pem) as open_to_stranger:
        open_to_stranger.register(TOKEN, MAGIC, TOPIC)
        assert push(connect(server=open_to_stranger, issuer=stranger)).status_code == 200
