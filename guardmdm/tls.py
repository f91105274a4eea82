"""The files of the server's own TLS certificate in the data folder."""

import os
import time
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings

from scep.errors import ServerUnreachable
from scep.selectors import is_service_certificate_revoked
from scep.services.connections import look_up
from scep.services.server_certificate import issue_server_certificate

# Before the first warning about certificates that expire.
RENEW_BEFORE = timedelta(days=120)
LOOK_UP_SECONDS = 3.0
MOST = 8


def get_paths() -> tuple[Path, Path]:
    """Return where certificate chain and key are kept, both PEM."""
    folder = settings.DATA_DIR / "tls"
    return folder / "certificate.pem", folder / "key.pem"


def ensure_certificate(*, now: datetime) -> bool:
    """Write a new certificate where none covers the base URL's host for RENEW_BEFORE more.

    Returns whether it did. One that was revoked, or whose CA was, covers nothing.
    """
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    hosts = list(dict.fromkeys([host, "localhost", "127.0.0.1"]))
    addresses = _find_addresses(host)
    certificate_path, key_path = get_paths()
    if key_path.exists() and _covers(
        certificate_path, hosts=hosts, addresses=addresses, until=now + RENEW_BEFORE
    ):
        return False
    made = issue_server_certificate(list(dict.fromkeys([*hosts, *addresses])), now=now)
    key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(key_path, made.key)
    _replace(certificate_path, made.chain)
    return True


def _find_addresses(host: str) -> list[str]:
    """Return where the host's name leads; with none known the certificate has the name alone.

    The enrollment page asks for one to see whether a browser trusts the root CA.
    """
    try:
        found = look_up(host, 443, deadline=time.monotonic() + LOOK_UP_SECONDS)
    except ServerUnreachable:
        return []
    return sorted(each for each in found if "%" not in each)[:MOST]  # not those of one link


def _covers(path: Path, *, hosts: list[str], addresses: list[str], until: datetime) -> bool:
    if not path.exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    if is_service_certificate_revoked(certificate):
        return False
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    covered = {*names.get_values_for_type(x509.DNSName)}
    covered |= {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    wanted = {_normalize(host) for host in hosts}
    # Names that lead to many machines in turn would else mean a new certificate each time.
    is_found = not addresses or not covered.isdisjoint(_normalize(each) for each in addresses)
    return wanted <= covered and is_found and certificate.not_valid_after_utc > until


def _normalize(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        return host


def _replace(path: Path, content: bytes) -> None:
    """Write readable by the owner only, in one step."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.rename(path)
