"""Where servers are, as settings name them: each function returns what is right, or raises
ValueError with what is wrong, in the words that stand behind the setting's name."""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import dj_database_url

# Names have underscores inside networks; no others are in certificates, profiles and QR codes.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*\.?")
LONGEST_NAME = 253
LARGEST_PORT = 65535
DEFAULT_PORTS = {"http": 80, "https": 443}
"""Browsers name no origin with these."""
CERTIFICATE_CHECKS = ("required", "optional", "none")


def check_base_url(text: str) -> str:
    """Return scheme, host and port, without a slash."""
    parts = _find_parts(text)
    is_web = parts is not None and parts.scheme in ("http", "https") and "@" not in parts.netloc
    if not parts or not is_web or parts.query or parts.fragment or not _is_host(_host_of(parts)):
        raise ValueError(f"must be like https://mdm.example.com, not {text!r}")
    if parts.path.strip("/"):
        raise ValueError(f"must not have a path: {text!r}")
    return f"{parts.scheme}://{parts.netloc}"


def check_host(text: str) -> str:
    """Return a name or an address, an IPv6 one in brackets, without a port."""
    if not _is_host(text):
        raise ValueError(f"must be like mdm.example.com, not {text!r}")
    return text


def check_host_pattern(text: str) -> str:
    """As Django takes them: a host, `.example.com` for all below it, `*` for any."""
    return text if text == "*" else check_host(text.removeprefix(".")) and text


def list_origins(base_url: str, *, hosts: Iterable[str]) -> list[str]:
    """Return the origins of this server's own pages, as browsers name them with a form.

    Behind a proxy that ends TLS every request is plain HTTP here, so Django would take a form from
    https:// for another site's. Names beside the base URL's are asked at its port or at 443.
    """
    parts = urlsplit(base_url)
    port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    own = f"{parts.scheme}://{_as_in_browsers(_host_of(parts))}{port}"
    if parts.scheme == "http":
        return [own]
    ends = ("", port) if port else ("",)
    names = (f"*{host}" if host.startswith(".") else host for host in hosts if host != "*")
    return [own, *(f"https://{_as_in_browsers(name)}{end}" for name in names for end in ends)]


def _as_in_browsers(host: str) -> str:
    return f"[{IPv6Address(host[1:-1])}]" if host.startswith("[") else host.lower()


def check_port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) <= LARGEST_PORT:
        raise ValueError(f"must be a port number, not {text!r}")
    return int(text)


def check_database_url(text: str) -> str:
    """A database in memory would be another one in each process."""
    try:
        database = dj_database_url.parse(text)
    except ValueError as error:
        raise ValueError(
            "cannot be read: escape / ? # @ : and % in the password (%2F …)"
        ) from error
    if "sqlite" in database["ENGINE"] and database["NAME"] in ("", ":memory:"):
        raise ValueError("must name a file, like sqlite:////var/lib/guardmdm/database.sqlite3")
    if not database["NAME"] and "service" not in database.get("OPTIONS", {}):
        raise ValueError("must name a database, like postgres://user:password@host/name")
    return text


def check_broker_url(text: str) -> str:
    """Return a Redis's URL as both libraries take it, with TLS that is checked unless it says no.

    The broker's library checks no certificate when the URL says nothing of TLS, the cache's does.
    """
    build_cache_url(text)
    parts = urlsplit(text)
    if parts.scheme != "rediss":
        return text
    options = dict(parse_qsl(parts.query))
    check = options.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    if check not in CERTIFICATE_CHECKS:
        raise ValueError(f"must have ssl_cert_reqs=required or none, not {check!r}")
    query = urlencode({**options, "ssl_cert_reqs": check}, safe="/")
    return parts._replace(query=query).geturl()


def build_cache_url(broker_url: str) -> str:
    """Return the Redis database after the broker's: `redis://host/0` → `redis://host/1`."""
    parts = _find_parts(broker_url)
    if not parts:
        raise ValueError(
            "must be like redis://host:6379/0: its host or port cannot be read; escape / ? # @ : "
            "and % in the password (%2F …)"
        )
    number = parts.path.strip("/") or "0"
    if not re.fullmatch("[0-9]{1,6}", number):
        raise ValueError("must end in a database number, like /0")
    return parts._replace(path=f"/{int(number) + 1}").geturl()


def _find_parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def _host_of(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def _is_host(text: str) -> bool:
    if text.startswith("[") and text.endswith("]"):
        try:
            return IPv6Address(text[1:-1]).scope_id is None
        except ValueError:
            return False
    return len(text) <= LONGEST_NAME and NAME.fullmatch(text) is not None
