"""Whether people must trust our root CA before they can enroll."""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from organization.models import Organization, ServerTrust
from organization.selectors import get_organization
from scep.selectors import get_root_ca, is_serving_own_certificate, list_root_cas
from scep.services.served_chain import Vouching, find_vouching


@dataclass(frozen=True)
class RootTrust:
    """`name`: the root's in the device's settings, with its SHA-256; `check_url`: get_check_url."""

    name: str
    fingerprint: str
    check_url: str


def note_vouching(*, now: datetime) -> None:
    """Look who vouches for our TLS certificate, and keep it; what is unknown changes nothing."""
    organization = get_organization()
    roots = [bytes(row.certificate) for row in list_root_cas()]
    found = find_vouching(settings.BASE_URL, roots=roots)
    if found and found != organization.server_trust_found:
        Organization.objects.filter(pk=organization.pk).update(
            server_trust_found=found, updated_at=now
        )


def find_root_trust(organization: Organization) -> RootTrust | None:
    """Return what people are to trust, or None where their devices trust this server already."""
    if not _is_needed(organization):
        return None
    root = get_root_ca()
    pairs = (root.fingerprint[start : start + 2] for start in range(0, len(root.fingerprint), 2))
    fingerprint = " ".join(pairs).upper()
    return RootTrust(root.name, fingerprint, get_check_url(settings.BASE_URL))


def get_check_url(base_url: str) -> str:
    """Return an address of this server that a browser reaches only if it trusts the root.

    Who has told a browser to go on in spite of a warning has done so for one host's name. The
    same name with the root's dot (RFC 1034, 3.1) leads to the same server, has the same
    certificate, and no exception. "" where there is no such name: an IP address, plain HTTP.
    """
    target = urlsplit(base_url)
    host = target.hostname or ""
    if target.scheme != "https" or not host or host.endswith(".") or _is_address(host):
        return ""
    port = f":{target.port}" if target.port else ""
    return urlunsplit((target.scheme, f"{host}.{port}", "/enroll/trusted", "", ""))


def _is_needed(organization: Organization) -> bool:
    if organization.server_trust != ServerTrust.AUTOMATIC:
        return organization.server_trust == ServerTrust.OWN
    if not settings.IS_HTTPS:
        return False
    if organization.server_trust_found:
        return organization.server_trust_found == Vouching.OWN
    return is_serving_own_certificate()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
