"""Which URLs an administrator may have this server call, and which addresses behind them (S13)."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from scep.errors import AddressRefused

MAX_URL = 500
# RFC 3986 without the characters that clients read in different ways.
URL = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
HTTPS_PORT = 443

# Never called, whatever the settings say: no SCEP server lives there, but cloud metadata does.
NEVER = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "fe80::/10",
        "fec0::/10",
        "fd00:ec2::254/128",
        "64:ff9b:1::/48",
        "2001::/23",
        "2002::/16",
        "::/128",
    )
]
NAT64 = ip_network("64:ff9b::/96")
IPV4_COMPATIBLE = ip_network("::/96")
SHARED = ip_network("100.64.0.0/10")
Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Target:
    """A checked https URL: `host` is a name or an address without brackets."""

    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS_PORT else f"{host}:{self.port}"


def decode_target(url: str) -> Target:
    """Take an https URL apart; raises AddressRefused for any other scheme or a doubtful spelling.

    User names and fragments are refused; any port is allowed.
    """
    if len(url) > MAX_URL or not URL.fullmatch(url):
        raise AddressRefused("the URL is too long or holds characters that do not belong there")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused("the URL cannot be read") from error
    if parts.scheme.lower() != "https":
        raise AddressRefused("the URL must begin with https://")
    if "@" in parts.netloc:
        raise AddressRefused("the URL must not hold a user name or password")
    if not host or "%" in host or port == 0:
        raise AddressRefused("the URL names no server")
    path = parts.path or "/"
    return Target(host, port or HTTPS_PORT, f"{path}?{parts.query}" if parts.query else path)


def check_address(text: str, *, allow_private: bool) -> None:
    """Raise AddressRefused for an address that is not on the public Internet.

    `allow_private` opens the private and loopback ones. An IPv4 address inside an IPv6 one
    (mapped, compatible, NAT64) counts as what it leads to.
    """
    address = _find_inner(_decode_address(text))
    if any(address in network for network in NEVER) or address.is_multicast:
        raise AddressRefused("the server's name leads to an address that is never called")
    if allow_private and (address.is_private or address.is_loopback or address in SHARED):
        return
    if not address.is_global or address.is_private or address.is_reserved:
        raise AddressRefused(
            "the server's name leads to a private address (GUARDMDM_ALLOW_PRIVATE_URLS allows it)"
        )


def _decode_address(text: str) -> Address:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError as error:
        raise AddressRefused("the server's name leads to no address") from error


def _find_inner(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in NAT64 or (address in IPV4_COMPATIBLE and int(low) > 1):
        return low
    return address
