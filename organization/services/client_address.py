"""Whose request this is: the peer's address, or what proxies that we trust say about it."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from organization.protocol.caller import Caller, build_caller

SITE_BITS = 64
Networks = tuple[IPv4Network | IPv6Network, ...]


def get_client_address(request: HttpRequest) -> str | None:
    """Return the client's IP address as text, or None where the peer has none (a socket file)."""
    return _read_address(request.META)


def get_caller(request: HttpRequest) -> Caller:
    """Return who sent the request: get_client_address and the User-Agent."""
    return read_caller(request.META)


def read_caller(environ: Mapping[str, Any]) -> Caller:
    """Return the same of a request as WSGI brings it."""
    # Not request.headers, which reads all of them to find this one.
    agent = environ.get("HTTP_USER_AGENT", "")
    return build_caller(address=_read_address(environ), agent=agent)


def _read_address(environ: Mapping[str, Any]) -> str | None:
    """Return the address of the client, and not of a proxy that we trust.

    X-Forwarded-For is believed only from GUARDMDM_TRUSTED_PROXIES, and only from the
    right: the first hop from there that is no trusted proxy is the client. What stands
    further left was written by the client, also behind what is no address ("unix:").
    """
    address = _normalize_peer(environ.get("REMOTE_ADDR", ""))
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
    for hop in reversed(forwarded.split(",") if forwarded else ()):
        named = _normalize(hop)
        if address is None or not is_trusted_proxy(address) or (named is None and hop.strip()):
            break
        address = named or address
    return address


def name_site(address: str | None) -> str:
    """Return whom a limit counts as one: an IPv4 address, or the 64 bits that an IPv6 site has.

    Whoever has one IPv6 address has the 2^64 beside it.
    """
    if not address or ":" not in address:
        return address or ""
    return str(ip_network((ip_address(address).packed, SITE_BITS), strict=False))


def is_trusted_proxy(address: str | None) -> bool:
    """Whether `address` lies in one of the networks of GUARDMDM_TRUSTED_PROXIES."""
    return _lies_in(address or "", tuple(settings.TRUSTED_PROXIES))


@lru_cache(maxsize=4096)
def _lies_in(address: str, networks: tuple[str, ...]) -> bool:
    normalized = _normalize(address)
    return normalized is not None and any(
        ip_address(normalized) in network for network in _read_networks(networks)
    )


@lru_cache(maxsize=8)
def _read_networks(texts: tuple[str, ...]) -> Networks:
    return tuple(ip_network(text, strict=False) for text in texts)


def _normalize(text: str) -> str | None:
    """Return the address without port, brackets or IPv4-in-IPv6; None where there is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


# What a header says is as long as its writer likes, so it is not kept.
_normalize_peer = lru_cache(maxsize=4096)(_normalize)
