"""What a proxy in front lets through: the doctor's own requests, the way that devices make them."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from django.conf import settings
from django.http.request import split_domain_port

from guardmdm.health.address import is_https, open_client
from guardmdm.health.findings import Finding, build_failure
from guardmdm.probe import FORGED_CERTIFICATE, build_probe_path

SIGNATURE_LENGTH = 8 * 1024
BODY_LENGTH = 10_000_000
BODY_SECONDS = 30.0
# In base64 "////++++" and all else: what decoders and mergers of slashes spoil.
MESSAGE = b"\xff" * 3 + b"\xfb\xef\xbe" + bytes(range(256)) * 13
# RFC 5737: nobody's address, so that whoever is seen under it has claimed it.
FORGED_ADDRESS = "192.0.2.123"
TOO_LONG = (400, 413, 414, 431, 494)


@dataclass(frozen=True)
class Answer:
    """How the server saw the request (`seen`), or what came back instead of its answer."""

    seen: dict[str, Any] = field(default_factory=dict)
    status: int = 0
    obstacle: str = ""

    @property
    def has_arrived(self) -> bool:
        return bool(self.seen)


def examine_passage() -> Iterator[Finding]:
    """Yield a finding for each thing that proxies are known to get in the way of."""
    with open_client(seconds=BODY_SECONDS) as client:
        put = ask(client, "mdm", method="PUT", content=b"<plist/>")
        yield judge_put(put)
        yield judge_redirects(client)
        yield judge_headers(
            ask(client, "mdm", method="PUT", headers={"Mdm-Signature": "M" * SIGNATURE_LENGTH})
        )
        yield judge_bodies(ask(client, "mdm", method="PUT", content=b"0" * BODY_LENGTH))
        yield judge_scep(client)
        yield judge_host(ask(client, "enroll"))
        yield judge_client_address(ask(client, "mdm", headers=_build_forged_headers()))
        yield judge_header_names(ask(client, "mdm", headers=_build_misspelled_headers()))


def judge_put(answer: Answer) -> Finding:
    name = "PUT"
    if not answer.has_arrived:
        fix = "Let the method PUT through at /mdm/ (nginx: limit_except; a firewall's list)."
        if answer.status == httpx.codes.NOT_FOUND:
            fix = "Pass /mdm/ on to this server's web process; it runs with the same keys as this."
        return _report_missing(name, "devices' messages do not arrive", answer, fix)
    if answer.seen["method"] != "PUT":
        text = f"devices' messages arrive as {answer.seen['method']}"
        return build_failure(name, text, "Let the proxy keep the method PUT at /mdm/.")
    return Finding(name, "devices' messages arrive")


def judge_redirects(client: httpx.Client) -> Finding:
    """A device follows none, and a person's token would travel with it."""
    for door in ("mdm", "scep", "enroll"):
        answer = ask(client, door)
        if answer.status in range(300, 400):
            return _report_missing("redirects", f"/{door}/", answer, "")
    return Finding("redirects", "none at /mdm/, /scep/ and /enroll")


def judge_headers(answer: Answer) -> Finding:
    name = "large headers"
    fix = "Take headers of 32 KB (nginx: large_client_header_buffers 8 32k)."
    if not answer.has_arrived:
        text = "a signature of 8 KB (Mdm-Signature) does not arrive"
        return _report_missing(name, text, answer, fix)
    length = answer.seen["signature_length"]
    if length != SIGNATURE_LENGTH:
        text = f"of 8 KB in Mdm-Signature {length} bytes arrive"
        return build_failure(name, text, "Pass Mdm-Signature on as it came.")
    return Finding(name, "8 KB in Mdm-Signature arrive")


def judge_bodies(answer: Answer) -> Finding:
    name = "large bodies"
    fix = "Take bodies of 10 MB (nginx: client_max_body_size 10m)."
    if not answer.has_arrived:
        return _report_missing(name, "10 MB do not arrive", answer, fix)
    if answer.seen["body_length"] != BODY_LENGTH:
        text = f"of 10 MB {answer.seen['body_length']} bytes arrive"
        return build_failure(name, text, fix)
    return Finding(name, "10 MB arrive")


def judge_scep(client: httpx.Client) -> Finding:
    """Old Macs send base64 in the address as it is, others percent-encoded: both must arrive."""
    name, text = "SCEP by GET", base64.b64encode(MESSAGE).decode()
    digest = hashlib.sha256(MESSAGE).hexdigest()
    for message, how in ((text, "+ and /"), (quote(text, safe=""), "%2B and %2F")):
        answer = ask(client, "scep", query=f"operation=PKIOperation&message={message}")
        if not answer.has_arrived:
            fix = "Take addresses of 8 KB at /scep/ (nginx: large_client_header_buffers 8 32k)."
            if answer.status not in TOO_LONG:
                fix = "Pass /scep/ on to this server's web process as it came."
            return _report_missing(name, "a message does not arrive", answer, fix)
        if answer.seen["message_sha256"] != digest:
            return build_failure(
                name,
                f"a message with {how} in its query arrives changed or not at all",
                "Pass the query on as it came (nginx: proxy_pass without $uri or a rewrite of "
                "$args; a firewall: no decoding, no merging of slashes).",
            )
    return Finding(name, "messages arrive unharmed")


def judge_host(answer: Answer) -> Finding:
    name = "host name"
    fix = "Pass the name on (nginx: proxy_set_header Host $host; Apache: ProxyPreserveHost On)."
    if not answer.has_arrived:
        return _report_missing(name, "people's pages do not arrive", answer, fix)
    host = answer.seen["host"]
    is_own = split_domain_port(host)[0].strip("[]") == urlsplit(settings.BASE_URL).hostname
    text = f"people's pages arrive for {host}"
    return Finding(name, text if is_own else f"{text}: no passkey works", "" if is_own else fix)


def judge_client_address(answer: Answer) -> Finding:
    """Behind a proxy the address must be the visitor's, and nobody may choose it."""
    name, seen = "client address", answer.seen
    replace = "Let the proxy replace what clients claim (nginx: proxy_set_header {})."
    if not answer.has_arrived:
        return _report_missing(name, "not seen", answer, "Mend the findings above first.")
    if seen["believes_certificate"]:
        header = settings.CLIENT_CERT_HEADER
        fix = replace.format(f"{header} $ssl_client_escaped_cert")
        return build_failure(name, f"anybody may claim a certificate in {header}", fix)
    if seen["client_address"] == FORGED_ADDRESS:
        fix = replace.format("X-Forwarded-For $remote_addr")
        return build_failure(name, "anybody may claim any address in X-Forwarded-For", fix)
    if _is_proxied(seen) and not seen["peer_is_trusted"]:
        fix = f"Set GUARDMDM_TRUSTED_PROXIES to {seen['peer']}, which it comes from."
        return Finding(name, "every visitor has the proxy's: limits hit all of them at once", fix)
    if seen["peer_is_trusted"] and not seen["forwarded_for"]:
        fix = "Let the proxy tell it (nginx: proxy_set_header X-Forwarded-For $remote_addr)."
        return Finding(name, "every visitor has the proxy's: limits hit all of them at once", fix)
    return Finding(name, f"the visitor's: this server comes as {seen['client_address']}")


def judge_header_names(answer: Answer) -> Finding:
    """In WSGI X_Forwarded_For is X-Forwarded-For, and the last one counts (CGI's names, RFC 3875).

    A proxy that replaces the one and passes the other on lets clients claim what it vouches for.
    """
    name, seen = "header names", answer.seen
    if not answer.has_arrived:
        return _report_missing(name, "not seen", answer, "Mend the findings above first.")
    claims = [
        what
        for what, is_believed in (
            ("a certificate", seen["believes_certificate"]),
            ("any address", seen["client_address"] == FORGED_ADDRESS),
        )
        if is_believed
    ]
    if claims:
        return build_failure(
            name,
            f"anybody may claim {' and '.join(claims)} in headers with an underscore",
            "Let the proxy drop headers whose name has an underscore (nginx: "
            "underscores_in_headers off; HAProxy: option http-restrict-req-hdr-names delete; "
            "Caddy: request_header -*_*; Apache: RequestHeader unset, for each spelling).",
        )
    return Finding(name, "nobody can claim anything in headers with an underscore")


def _report_missing(name: str, text: str, answer: Answer, fix: str) -> Finding:
    if answer.status in range(300, 400):
        fix = f"Serve it at {settings.BASE_URL} itself: devices follow no redirect."
    return build_failure(name, f"{text}: {answer.obstacle}", fix)


def _is_proxied(seen: dict[str, Any]) -> bool:
    """TLS ended before the web process, or somebody has touched the header."""
    return (is_https() and seen["scheme"] == "http") or seen["forwarded_for"] != FORGED_ADDRESS


def _build_forged_headers() -> dict[str, str]:
    headers = {"X-Forwarded-For": FORGED_ADDRESS}
    if settings.CLIENT_CERT_HEADER:
        headers[settings.CLIENT_CERT_HEADER] = FORGED_CERTIFICATE
    return headers


def _build_misspelled_headers() -> dict[str, str]:
    """Every spelling, since a proxy that is told to drop one may pass the others on."""
    return {
        spelling: text
        for name, text in _build_forged_headers().items()
        for spelling in map("".join, product(*("-_" if c == "-" else c for c in name)))
        if spelling != name
    }


def ask(
    client: httpx.Client, door: str, *, method: str = "GET", query: str = "", **content: Any
) -> Answer:
    """Send one request through the base URL; a new connection, as a device's."""
    path = build_probe_path(door) + (f"?{query}" if query else "")
    try:
        answer = client.request(method, path, **content)
    except httpx.HTTPError as error:
        return Answer(obstacle=str(error)[:200] or type(error).__name__)
    if answer.is_redirect:
        place = answer.headers.get("Location", "").partition("?")[0][:200]
        return Answer(status=answer.status_code, obstacle=f"redirected to {place}")
    if answer.status_code == httpx.codes.OK:
        try:
            return Answer(seen=answer.json(), status=answer.status_code)
        except ValueError:
            return Answer(status=answer.status_code, obstacle="something else answers")
    return Answer(status=answer.status_code, obstacle=f"the answer is {answer.status_code}")
