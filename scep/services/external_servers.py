"""External SCEP servers: their CA, fetched to be confirmed, and whether they still answer."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from cryptography import x509

from scep.errors import FingerprintMismatch, ProfileInvalid, ScepError, ServerUnreachable
from scep.models import ScepProfile, ScepServerType
from scep.protocol.ca_answer import (
    decode_ca_certificates,
    decode_capabilities,
    find_authority,
)
from scep.protocol.certificates import encode_certificate, fingerprint
from scep.protocol.http_messages import Answer
from scep.protocol.names import describe_name
from scep.services.outbound import fetch
from scep.signals import scep_server_checked

OK = 200
MAX_MESSAGE = 300


@dataclass(frozen=True)
class ExternalCa:
    """What an external SCEP server says of itself: the CA to confirm is that of `fingerprint`.

    `certificates`: all of GetCACert's. `fingerprint`: SHA-256, hex. `subject`: RFC 4514.
    `capabilities`: the lines of GetCACaps, empty where it has none.
    """

    certificates: tuple[x509.Certificate, ...]
    fingerprint: str
    subject: str
    not_after: datetime
    capabilities: tuple[str, ...]


def fetch_ca_certificates(url: str, *, ca_name: str) -> ExternalCa:
    """Ask an external server for its CA (GetCACaps, GetCACert); raises ServerUnreachable."""
    capabilities = fetch_capabilities(url, ca_name=ca_name)
    certificates = fetch_certificates(url, ca_name=ca_name)
    authority = find_authority(certificates)
    return ExternalCa(
        certificates=certificates,
        fingerprint=fingerprint(encode_certificate(authority)),
        subject=describe_name(authority.subject),
        not_after=authority.not_valid_after_utc,
        capabilities=capabilities,
    )


def fetch_capabilities(url: str, *, ca_name: str) -> tuple[str, ...]:
    """Return the lines of GetCACaps; raises ServerUnreachable."""
    return decode_capabilities(_ask(url, operation="GetCACaps", ca_name=ca_name).body)


def fetch_certificates(url: str, *, ca_name: str) -> tuple[x509.Certificate, ...]:
    """Return the certificates of GetCACert, at least one; raises ServerUnreachable."""
    answer = _ask(url, operation="GetCACert", ca_name=ca_name)
    return decode_ca_certificates(answer.body, content_type=answer.content_type)


def check_fingerprint(certificates: tuple[x509.Certificate, ...], *, expected: str) -> None:
    """Raise FingerprintMismatch unless one of them has the SHA-256 (hex) that was confirmed."""
    if expected not in {fingerprint(encode_certificate(each)) for each in certificates}:
        raise FingerprintMismatch("the server's CA is not the one that was confirmed")


def check_profile(scep_profile: ScepProfile, *, now: datetime) -> ScepProfile:
    """Ask the profile's external server for its CA and note what is wrong, or that all is well.

    A change is told by scep_server_checked. Raises ProfileInvalid for the built-in CA's.
    """
    if not scep_profile.is_external:
        raise ProfileInvalid("Only external SCEP servers are checked.")
    code, message = _find_problem(scep_profile)
    return note_check(scep_profile, code=code, message=message, now=now)


def note_check(scep_profile: ScepProfile, *, code: str, message: str, now: datetime) -> ScepProfile:
    """Store what a call to the profile's server has shown; `code` "" where all was well.

    One conditional UPDATE, so that of two checks at once one tells the news.
    """
    rows = ScepProfile.objects.filter(pk=scep_profile.pk)
    changed = rows.exclude(check_code=code).update(check_code=code)
    rows.update(checked_at=now, check_message=message[:MAX_MESSAGE])
    scep_profile.refresh_from_db(fields=["checked_at", "check_code", "check_message"])
    if changed:
        # Robust: a listener that fails must not end the check of the other servers.
        scep_server_checked.send_robust(
            sender=ScepProfile, scep_profile=scep_profile, code=code, message=message
        )
    return scep_profile


def check_external_servers(*, now: datetime) -> int:
    """Check every external server; returns how many there are."""
    profiles = list(ScepProfile.objects.filter(server_type=ScepServerType.EXTERNAL))
    for scep_profile in profiles:
        check_profile(scep_profile, now=now)
    return len(profiles)


def _find_problem(scep_profile: ScepProfile) -> tuple[str, str]:
    try:
        found = fetch_ca_certificates(scep_profile.external_url, ca_name=scep_profile.ca_name)
        check_fingerprint(found.certificates, expected=scep_profile.ca_fingerprint)
    except ScepError as error:
        return error.code, str(error)
    return "", ""


def _ask(url: str, *, operation: str, ca_name: str) -> Answer:
    answer = fetch(f"{url}?operation={operation}&message={quote(ca_name, safe='')}")
    if answer.status != OK:
        raise ServerUnreachable(f"the server answered {operation} with {answer.status}")
    return answer
