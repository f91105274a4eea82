"""Whether people must trust our root CA before they can enroll."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings

from organization.models import Organization, ServerTrust
from organization.protocol.loopback import is_loopback
from organization.selectors import get_organization
from scep.selectors import get_root_ca, is_serving_own_certificate, list_root_cas
from scep.services.served_chain import Vouching, inspect_chain

CHECK_PATH = "/enroll/trusted"
MOST_TRIED = 5


@dataclass(frozen=True)
class RootTrust:
    """`name`: the root's in the device's settings, with its SHA-256; `check_url` may be ""."""

    name: str
    fingerprint: str
    check_url: str


def note_vouching(*, now: datetime) -> None:
    """Look who vouches for our TLS certificate, and keep it; what is unknown changes nothing."""
    organization = get_organization()
    roots = [bytes(row.certificate) for row in list_root_cas()]
    chain = inspect_chain(settings.BASE_URL, roots=roots)
    if not chain.vouching:
        return
    is_own = chain.vouching == Vouching.OWN
    check_url = find_check_url(settings.BASE_URL, chain.hosts, roots=roots) if is_own else ""
    before = (organization.server_trust_found, organization.trust_check_url)
    if before != (chain.vouching, check_url):
        Organization.objects.filter(pk=organization.pk).update(
            server_trust_found=chain.vouching, trust_check_url=check_url, updated_at=now
        )


def find_root_trust(organization: Organization) -> RootTrust | None:
    """Return what people are to trust, or None where their devices trust this server already."""
    if not is_root_trust_needed(organization):
        return None
    root = get_root_ca()
    pairs = (root.fingerprint[start : start + 2] for start in range(0, len(root.fingerprint), 2))
    return RootTrust(root.name, " ".join(pairs).upper(), organization.trust_check_url)


def find_check_url(base_url: str, hosts: Sequence[str], *, roots: Sequence[bytes]) -> str:
    """Return an address of this server that a browser opens only if it trusts the root, or "".

    Who has told a browser to go on in spite of a warning has done so for one host. So the
    address has another host out of the certificate (`hosts`), one that answers here as well.
    """
    base = urlsplit(base_url)
    port = f":{base.port}" if base.port else ""
    for host in _list_others(base.hostname or "", hosts)[:MOST_TRIED]:
        origin = f"https://{f'[{host}]' if ':' in host else host}{port}"
        if inspect_chain(origin, roots=roots).vouching == Vouching.OWN:
            return origin + CHECK_PATH
    return ""


def _list_others(base: str, hosts: Sequence[str]) -> list[str]:
    others = [host.lower() for host in hosts if "*" not in host]
    others = [host for host in others if host.rstrip(".") != base.rstrip(".")]
    # "localhost" is another machine to everybody else.
    return others if is_loopback(base) else [host for host in others if not is_loopback(host)]


def is_root_trust_needed(organization: Organization) -> bool:
    """Whether devices have to trust our root before they can reach this server by TLS."""
    if organization.server_trust != ServerTrust.AUTOMATIC:
        return organization.server_trust == ServerTrust.OWN
    if not settings.IS_HTTPS:
        return False
    if organization.server_trust_found:
        return organization.server_trust_found == Vouching.OWN
    return is_serving_own_certificate()
