"""Signing in to a web server that wants it: by password, or as Windows servers do, by NTLM."""

import base64
import struct
from collections.abc import Callable, Mapping

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from scep.errors import ServerUnreachable
from scep.protocol.http_messages import Answer, Credentials, build_channel_binding
from scep.protocol.reading import MALFORMED

UNAUTHORIZED = 401
# IIS takes the same messages under either name.
WINDOWS_SCHEMES = ("NTLM", "Negotiate")
Ask = Callable[[Mapping[str, str]], Answer]


def sign_on(refused: Answer, *, ask: Ask, credentials: Credentials, host: str) -> Answer:
    """Answer a 401 in the best way that it offers; return what the server says then.

    `ask` repeats the request with further headers, on the same connection: NTLM signs in a
    connection, in two steps. Raises ServerUnreachable.
    """
    offered = {scheme.lower() for scheme, _ in _split(refused.challenges)}
    for scheme in WINDOWS_SCHEMES:
        if scheme.lower() in offered:
            return _sign_on_windows(scheme, refused, ask=ask, credentials=credentials, host=host)
    if "basic" in offered and credentials.waits:
        return ask({"Authorization": credentials.encode_basic()})
    return refused


def _sign_on_windows(
    scheme: str, refused: Answer, *, ask: Ask, credentials: Credentials, host: str
) -> Answer:
    try:
        # Bound to the TLS connection: hardened servers (Extended Protection) want that.
        context = spnego.client(
            credentials.username,
            credentials.password,
            hostname=host,
            service="http",
            protocol="ntlm",
            channel_bindings=GssChannelBindings(
                application_data=build_channel_binding(refused.server_certificate)
            ),
        )
        answer = ask({"Authorization": _encode(scheme, context.step())})
        if answer.status != UNAUTHORIZED:
            return answer
        challenge = _decode(scheme, answer.challenges)
        return ask({"Authorization": _encode(scheme, context.step(challenge))})
    except (SpnegoError, struct.error, *MALFORMED) as error:
        # The server's messages are a stranger's bytes, and the library unpacks them as they come.
        raise ServerUnreachable(f"{host}: the Windows sign-in failed") from error


def _encode(scheme: str, token: bytes | None) -> str:
    return f"{scheme} {base64.b64encode(token or b'').decode()}"


def _decode(scheme: str, challenges: tuple[str, ...]) -> bytes:
    """Return the server's message; raises ValueError."""
    for name, text in _split(challenges):
        if name.lower() == scheme.lower() and text:
            return base64.b64decode(text, validate=True)
    raise ValueError("the server does not go on with the sign-in")


def _split(challenges: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return scheme and the rest of each; several may share a header (RFC 9110 11.6.1)."""
    parts = [part.strip() for challenge in challenges for part in challenge.split(",")]
    return [(scheme, text.strip()) for scheme, _, text in (part.partition(" ") for part in parts)]
