"""One TLS connection to APNs and the streams on it; it neither repeats nor waits for anything."""

import contextlib
import select
import socket
import ssl
import time

from django.conf import settings

from devices.protocol.apns_streams import ConnectionBroken, Ended, Streams
from devices.services.apns.tls import is_certificate_alert

CONNECT_SECONDS, FIRST_WORDS_SECONDS = 5.0, 0.5
READ_SIZE = 65_536
# APNs is asked whether it is still there after this silence; then it has so long to answer.
QUIET_SECONDS, PING_SECONDS = 3.0, 4.0
# What was idle for so long is asked first; an hour is longer than routers remember.
IDLE_SECONDS, TOO_OLD_SECONDS = 30.0, 3600.0


class ConnectionLost(Exception):
    """The connection is over; what was not answered was perhaps not even received."""


class CertificateRefused(ConnectionLost):
    """APNs has ended TLS because of the push certificate."""


class Connection:
    """Opened when made; raises ConnectionLost, from any method."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._socket = _open_socket(context)
        self.streams = Streams(f"{settings.APNS_HOST}:{settings.APNS_PORT}")
        self._output = bytearray()
        self._heard_at = time.monotonic()
        self._asked_at: float | None = None
        deadline = self._heard_at + CONNECT_SECONDS
        self._hear_first_words()
        while not self.streams.is_ready:
            self._exchange_until(deadline, reason="no HTTP/2 settings")

    @property
    def is_usable(self) -> bool:
        """Whether new pushes may be given to it; a long silence is ended by a question."""
        silence = time.monotonic() - self._heard_at
        if silence > TOO_OLD_SECONDS:
            return False
        if silence > IDLE_SECONDS and not self.streams.in_flight:
            self._ask()
            deadline = time.monotonic() + PING_SECONDS
            while self._asked_at is not None:
                self._exchange_until(deadline, reason="no answer to a ping")
        return not self.streams.is_exhausted

    def exchange(self, seconds: float) -> list[Ended]:
        """Send what waits and return the streams that ended, after `seconds` at the latest."""
        self._output += self.streams.take_output()
        self._send()
        data = self._receive(seconds)
        if not data:
            self._check_silence()
            return []
        self._heard_at, self._asked_at = time.monotonic(), None
        ended = self._decode(data)
        self._send()
        return ended

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def _hear_first_words(self) -> None:
        """Wait for TLS 1.3's tickets, or for the alert that our certificate is not taken.

        The server judges it last; whoever writes before may lose the alert with the connection.
        """
        if self._socket.version() == "TLSv1.3":
            self._decode(self._receive(FIRST_WORDS_SECONDS))

    def _exchange_until(self, deadline: float, *, reason: str) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise ConnectionLost(reason)
        self.exchange(min(left, 0.5))

    def _decode(self, data: bytes) -> list[Ended]:
        try:
            return self.streams.receive(data)
        except ConnectionBroken as error:
            raise ConnectionLost(str(error)) from error
        finally:
            self._output += self.streams.take_output()

    def _check_silence(self) -> None:
        now = time.monotonic()
        if self._asked_at is not None:
            if now - self._asked_at > PING_SECONDS:
                raise ConnectionLost("no answer to a ping")
        elif now - self._heard_at > QUIET_SECONDS:
            self._ask()

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        self.streams.ping()

    def _send(self) -> None:
        while self._output:
            try:
                del self._output[: self._socket.send(self._output)]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except OSError as error:
                raise self._build_loss(error) from error

    def _receive(self, seconds: float) -> bytes:
        """Return all that has come, waiting `seconds` for something; raises at the end."""
        if not self._socket.pending():
            select.select([self._socket], [self._socket] if self._output else [], [], seconds)
        data = b""
        while len(data) < 16 * READ_SIZE:
            try:
                part = self._socket.recv(READ_SIZE)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return data
            except OSError as error:
                raise self._build_loss(error) from error
            if not part:
                break
            data += part
        if not data:
            raise ConnectionLost(self.streams.close_reason or "APNs has closed the connection")
        return data

    @staticmethod
    def _build_loss(error: OSError) -> ConnectionLost:
        kind = CertificateRefused if is_certificate_alert(error) else ConnectionLost
        return kind(f"{type(error).__name__}: {error}"[:200])


def _open_socket(context: ssl.SSLContext) -> ssl.SSLSocket:
    address = (settings.APNS_HOST, settings.APNS_PORT)
    try:
        plain = socket.create_connection(address, CONNECT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secured = context.wrap_socket(plain, server_hostname=settings.APNS_HOST)
    except OSError as error:
        raise Connection._build_loss(error) from error
    if secured.selected_alpn_protocol() != "h2":
        secured.close()
        raise ConnectionLost("the push service speaks no HTTP/2")
    secured.setblocking(False)
    return secured
