"""Calls to servers that an administrator has named: https, once, briefly, nowhere private (S13)."""

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpcore
from django.conf import settings

from organization.errors import ManyAreWaiting
from organization.protocol.tls import build_client_context
from organization.services.waiting import waiting_for_another_server
from scep.errors import ServerUnreachable
from scep.protocol.addresses import Target, check_address, decode_target
from scep.protocol.http_messages import Answer, Credentials
from scep.services.connections import PinnedBackend, look_up
from scep.services.sign_on import UNAUTHORIZED, sign_on

SECONDS = 5.0
MAX_BODY_BYTES = 1024 * 1024
USER_AGENT = "GuardMDM"
REDIRECTS = range(300, 400)


def fetch(
    url: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    auth: Credentials | None = None,
) -> Answer:
    """Send one request and return the answer; raises ServerUnreachable.

    The name is resolved once and that address is called, with the name in SNI, Host and the
    verified certificate. No redirects; five seconds and 1 MB in all; the system's trust store.
    """
    target = decode_target(url)
    sent = _build_headers(target.authority, headers or {})
    if auth is not None and not auth.waits:
        sent["Authorization"] = auth.encode_basic()
    where = httpcore.URL(
        scheme=b"https", host=target.host.encode(), port=target.port, target=target.path.encode()
    )
    with _waiting_for(target.host):
        deadline = time.monotonic() + SECONDS
        backend = PinnedBackend(_resolve(target, deadline=deadline), deadline=deadline)
        return _send(
            where,
            backend=backend,
            context=build_client_context(),
            method=method,
            body=body,
            headers=sent,
            auth=auth,
        )


@contextmanager
def _waiting_for(host: str) -> Iterator[None]:
    """Other requests of this process have this one's turn meanwhile; raises ServerUnreachable."""
    try:
        with waiting_for_another_server():
            yield
    except ManyAreWaiting as error:
        raise ServerUnreachable(f"{host} was not asked: {error}") from error


def fetch_own(path: str, *, roots: str, method: str = "GET", body: bytes = b"") -> Answer:
    """Send one request to this server itself, at its base URL; raises ServerUnreachable.

    `roots`: our own root CAs, PEM, trusted beside the system's. `path` begins with a slash and
    is never an administrator's.
    """
    where = httpcore.URL(f"{settings.BASE_URL}{path}")
    host, port = where.host.decode(), where.port
    port = port or (443 if where.scheme == b"https" else 80)
    context = build_client_context()
    context.load_verify_locations(cadata=roots)
    headers = _build_headers(settings.BASE_URL.partition("://")[2], {})
    with _waiting_for(host):
        deadline = time.monotonic() + SECONDS
        backend = PinnedBackend(look_up(host, port, deadline=deadline), deadline=deadline)
        return _send(
            where, backend=backend, context=context, method=method, body=body, headers=headers
        )


def _build_headers(authority: str, more: Mapping[str, str]) -> dict[str, str]:
    return {
        "Host": authority,
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",
        **more,
    }


def _send(
    where: httpcore.URL,
    *,
    backend: PinnedBackend,
    context: ssl.SSLContext,
    method: str,
    body: bytes,
    headers: Mapping[str, str],
    auth: Credentials | None = None,
) -> Answer:
    pool = httpcore.ConnectionPool(ssl_context=context, network_backend=backend, max_connections=1)
    sent = dict(headers) | ({"Content-Length": str(len(body))} if body else {})
    host = where.host.decode()

    def ask(more: Mapping[str, str]) -> Answer:
        lines = list((sent | dict(more)).items())
        with pool.stream(method, where, headers=lines, content=body) as answer:
            return _read(answer, host=host)

    try:
        with pool:
            answer = ask({})
            if answer.status == UNAUTHORIZED and auth is not None:
                return sign_on(answer, ask=ask, credentials=auth, host=host)
            return answer
    except (httpcore.TimeoutException, TimeoutError) as error:
        raise ServerUnreachable(f"{host} did not answer within {SECONDS:.0f} seconds") from error
    except ssl.SSLError as error:
        raise ServerUnreachable(f"{host}: TLS failed ({_name_tls_error(error)})") from error
    except httpcore.LocalProtocolError as error:
        # Its text quotes the header, which may hold a password.
        raise ServerUnreachable(f"{host}: the request cannot be made") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, ssl.SSLError):
            raise ServerUnreachable(f"{host}: TLS failed ({_name_tls_error(cause)})") from error
        raise ServerUnreachable(f"{host} cannot be reached ({_name_error(error)})") from error


def _read(answer: httpcore.Response, *, host: str) -> Answer:
    if answer.status in REDIRECTS:
        raise ServerUnreachable(f"{host} redirects ({answer.status}), which is not followed")
    # Before the body, with whose end the server may close the connection.
    server_certificate = _get_server_certificate(answer)
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise ServerUnreachable(f"{host} answered more than 1 MB")
        parts.append(part)
    kinds = [value for name, value in answer.headers if name.lower() == b"content-type"]
    kind = kinds[0].decode("latin-1") if kinds else ""
    return Answer(
        answer.status,
        b"".join(parts),
        kind.partition(";")[0].strip().lower(),
        challenges=tuple(
            value.decode("latin-1")
            for name, value in answer.headers
            if name.lower() == b"www-authenticate"
        ),
        server_certificate=server_certificate,
    )


def _get_server_certificate(answer: httpcore.Response) -> bytes:
    secure = answer.extensions["network_stream"].get_extra_info("ssl_object")
    return (secure.getpeercert(True) or b"") if secure is not None else b""


def _name_tls_error(error: ssl.SSLError) -> str:
    reason = getattr(error, "verify_message", "") or error.reason or "handshake"
    return str(reason)


def _name_error(error: Exception) -> str:
    text = str(error)
    return text[:120] if text else type(error).__name__


def _resolve(target: Target, *, deadline: float) -> list[str]:
    """Return the host's addresses; one that must not be called spoils them all."""
    addresses = look_up(target.host, target.port, deadline=deadline)
    for address in addresses:
        check_address(address, allow_private=settings.ALLOW_PRIVATE_URLS)
    return addresses
