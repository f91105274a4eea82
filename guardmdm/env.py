"""The server's settings from the environment: read once, checked, and unknown ones refused."""

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from guardmdm.addresses import (
    check_base_url,
    check_broker_url,
    check_database_url,
    check_host,
    check_host_pattern,
    check_port,
    list_origins,
)
from guardmdm.identity_provider import IdentityProvider, decode_identity_provider
from guardmdm.mail import MailServer, check_sender, decode_mail_url
from organization.protocol.sealing import KeyRing, decode_key_ring, generate_key

PREFIX = "GUARDMDM_"
DEFAULTS = {
    "BASE_URL": "http://127.0.0.1:8000",
    "DATA_DIR": "data",
    "DATABASE_URL": "",
    "BROKER_URL": "",
    "SECRET_KEY": "",
    "ENCRYPTION_KEYS": "",
    "ALLOWED_HOSTS": "",
    "TRUSTED_PROXIES": "",
    "CLIENT_CERT_HEADER": "",
    "APNS_HOST": "api.push.apple.com",
    "APNS_PORT": "443",
    "APNS_CA": "",
    "DEVICE_CA": "",
    "OIDC_ISSUER": "",
    "OIDC_CLIENT_ID": "",
    "OIDC_CLIENT_SECRET": "",
    "OIDC_NAME": "",
    "OIDC_CONSOLE": "no",
    "EMAIL_URL": "",
    "EMAIL_FROM": "",
    "EMAIL_CA": "",
    "ALLOW_PRIVATE_URLS": "no",
    "USER_CHANNEL": "no",
    "INVENTORY_HOURS": "24",
    "HISTORY_DAYS": "730",
    "LOG_FORMAT": "console",
}
DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql")
BROKER_SCHEMES = ("filesystem", "redis", "rediss")
HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
NO_CERTIFICATE = ("mdm-signature", "x-forwarded-for", "host", "authorization", "cookie")
MOST_HOURS = 24 * 7
LEAST_DAYS, MOST_DAYS = 90, 36500
YES, NO = ("yes", "true", "1"), ("no", "false", "0")
OUTSIDE_SETTINGS = {"TEST_REQUIRE_ALL"}
T = TypeVar("T")


class SettingsError(SystemExit):
    """A setting that cannot work; its one line is what the operator sees."""


@dataclass(frozen=True)
class Environment:
    """Every GUARDMDM_ setting, decoded."""

    base_url: str
    data_dir: Path
    database_url: str
    broker_url: str
    secret_key: str = field(repr=False)
    key_ring: KeyRing = field(repr=False)
    allowed_hosts: list[str]
    own_origins: list[str]
    trusted_proxies: list[str]
    client_cert_header: str
    apns_host: str
    apns_port: int
    apns_ca: str
    device_ca: str
    oidc: IdentityProvider
    oidc_console: bool
    mail_server: MailServer
    email_from: str
    email_ca: str
    allow_private_urls: bool
    user_channel: bool
    inventory_hours: int
    history_days: int
    log_format: str


def read_environment(environ: Mapping[str, str]) -> Environment:
    """Decode the GUARDMDM_ variables; raises SettingsError with one clear line."""
    values = _collect(environ)
    data_dir = Path(values["DATA_DIR"]).resolve()
    base_url = _check("BASE_URL", values["BASE_URL"], check_base_url)
    return Environment(
        base_url=base_url,
        data_dir=data_dir,
        database_url=_check_scheme(
            "DATABASE_URL", values["DATABASE_URL"], DATABASE_SCHEMES, check_database_url
        )
        or f"sqlite:///{data_dir / 'guardmdm.sqlite3'}",
        broker_url=_check_scheme("BROKER_URL", values["BROKER_URL"], BROKER_SCHEMES, _check_broker)
        or "filesystem://localhost",
        secret_key=values["SECRET_KEY"] or _kept_secret(data_dir / "secret_key"),
        key_ring=_read_key_ring(values["ENCRYPTION_KEYS"], data_dir),
        allowed_hosts=_list_hosts(base_url, _words(values["ALLOWED_HOSTS"])),
        own_origins=list_origins(base_url, hosts=_words(values["ALLOWED_HOSTS"])),
        trusted_proxies=_check_networks(_words(values["TRUSTED_PROXIES"])),
        client_cert_header=_check_client_cert_header(values),
        apns_host=_check("APNS_HOST", values["APNS_HOST"], check_host),
        apns_port=_check("APNS_PORT", values["APNS_PORT"], check_port),
        apns_ca=values["APNS_CA"],
        device_ca=values["DEVICE_CA"],
        oidc=_read_identity_provider(values),
        oidc_console=_read_oidc_console(values),
        mail_server=_read_mail_server(values["EMAIL_URL"]),
        email_from=_read_sender(values),
        email_ca=values["EMAIL_CA"],
        allow_private_urls=_read_switch(values, "ALLOW_PRIVATE_URLS"),
        user_channel=_read_switch(values, "USER_CHANNEL"),
        inventory_hours=_check_hours(values["INVENTORY_HOURS"]),
        history_days=_check_history(values["HISTORY_DAYS"]),
        log_format=_check_choice("LOG_FORMAT", values["LOG_FORMAT"], ("json", "console")),
    )


def _collect(environ: Mapping[str, str]) -> dict[str, str]:
    """An empty variable is one that is not set: so compose files pass on what nobody gave."""
    values = dict(DEFAULTS)
    given: set[str] = set()
    for variable, text in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX)
        if name in OUTSIDE_SETTINGS:
            continue
        is_file = name.endswith("_FILE") and name.removesuffix("_FILE") in DEFAULTS
        name = name.removesuffix("_FILE") if is_file else name
        if name not in DEFAULTS:
            raise SettingsError(f"{variable} is not a setting of GuardMDM.")
        if not text.strip():
            continue
        if name in given:
            raise SettingsError(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set: keep one.")
        given.add(name)
        values[name] = _read_file(variable, text) if is_file else text.strip()
    return values


def _read_file(variable: str, path: str) -> str:
    """An empty file is refused: new keys in place of those it should hold would open nothing."""
    try:
        text = Path(path).read_text().strip()
    except OSError as error:
        raise SettingsError(f"{variable}: {path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{variable}: {path} is no text.") from error
    if not text:
        raise SettingsError(f"{variable}: {path} is empty.")
    return text


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _check(name: str, text: str, check: Callable[[str], T]) -> T:
    try:
        return check(text)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}{name} {error}.") from error


def _check_scheme(
    name: str, text: str, schemes: tuple[str, ...], check: Callable[[str], str]
) -> str:
    scheme, separator, _ = text.partition("://")
    if text and (not separator or scheme not in schemes):
        raise SettingsError(f"{PREFIX}{name} must begin with {', '.join(schemes)} and ://.")
    return _check(name, text, check) if text else ""


def _check_broker(url: str) -> str:
    return check_broker_url(url) if url.startswith("redis") else url


def _list_hosts(base_url: str, others: list[str]) -> list[str]:
    """The base URL's host is always there: devices know the server by no other name."""
    host = urlsplit(base_url).hostname or "localhost"
    # An IPv6 address as it is written there, and as browsers write it.
    own = [f"[{host}]", f"[{ip_address(host)}]"] if ":" in host else [host]
    for other in others:
        _check("ALLOWED_HOSTS", other, check_host_pattern)
    return list(dict.fromkeys([*own, "localhost", "127.0.0.1", "[::1]", *others]))


def _check_hours(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 0 < int(text) <= MOST_HOURS:
        raise SettingsError(f"{PREFIX}INVENTORY_HOURS must be 1 to {MOST_HOURS}, not {text!r}.")
    return int(text)


def _check_history(text: str) -> int:
    is_number = re.fullmatch(r"[0-9]{1,5}", text) is not None
    if not is_number or (text != "0" and not LEAST_DAYS <= int(text) <= MOST_DAYS):
        span = f"{LEAST_DAYS} to {MOST_DAYS}, or 0 for ever"
        raise SettingsError(f"{PREFIX}HISTORY_DAYS must be {span}, not {text!r}.")
    return int(text)


def _check_networks(texts: list[str]) -> list[str]:
    for text in texts:
        try:
            ip_network(text, strict=False)
        except ValueError as error:
            raise SettingsError(
                f"{PREFIX}TRUSTED_PROXIES must be addresses or networks, not {text!r}."
            ) from error
    return texts


def _check_client_cert_header(values: Mapping[str, str]) -> str:
    """A name with `_` would be one for us with another that has `-`: whose is it then?"""
    name = values["CLIENT_CERT_HEADER"]
    if not name:
        return ""
    if not HEADER_NAME.fullmatch(name) or name.lower() in NO_CERTIFICATE:
        raise SettingsError(f"{PREFIX}CLIENT_CERT_HEADER must be like Client-Cert, not {name!r}.")
    if not values["TRUSTED_PROXIES"]:
        raise SettingsError(
            f"{PREFIX}CLIENT_CERT_HEADER needs {PREFIX}TRUSTED_PROXIES: who else may write it?"
        )
    return name


def _check_choice(name: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise SettingsError(f"{PREFIX}{name} must be one of {', '.join(choices)}, not {text!r}.")
    return text


def _read_identity_provider(values: Mapping[str, str]) -> IdentityProvider:
    try:
        return decode_identity_provider(
            issuer=values["OIDC_ISSUER"],
            client_id=values["OIDC_CLIENT_ID"],
            client_secret=values["OIDC_CLIENT_SECRET"],
            name=values["OIDC_NAME"],
        )
    except ValueError as error:
        raise SettingsError(f"{PREFIX}OIDC_ISSUER {error}.") from error


def _read_oidc_console(values: Mapping[str, str]) -> bool:
    is_on = _read_switch(values, "OIDC_CONSOLE")
    if is_on and not values["OIDC_ISSUER"]:
        raise SettingsError(f"{PREFIX}OIDC_CONSOLE needs a provider: set OIDC_ISSUER too.")
    return is_on


def _read_mail_server(text: str) -> MailServer:
    return _check("EMAIL_URL", text, decode_mail_url) if text else MailServer()


def _read_sender(values: Mapping[str, str]) -> str:
    if bool(values["EMAIL_URL"]) != bool(values["EMAIL_FROM"]):
        raise SettingsError(f"{PREFIX}EMAIL_URL and {PREFIX}EMAIL_FROM are set together, or none.")
    return _check("EMAIL_FROM", values["EMAIL_FROM"], check_sender) if values["EMAIL_FROM"] else ""


def _read_switch(values: Mapping[str, str], name: str) -> bool:
    text = values[name].lower()
    _check_choice(name, text, (*YES, *NO))
    return text in YES


def _read_key_ring(text: str, data_dir: Path) -> KeyRing:
    try:
        return decode_key_ring(text or _kept_secret(data_dir / "encryption_keys"))
    except ValueError as error:
        raise SettingsError(f"{PREFIX}ENCRYPTION_KEYS: {error}.") from error


def _kept_secret(path: Path) -> str:
    """Return the secret in the data folder, made on first use, readable by its owner only.

    Written aside and linked into place, so that two first starts at once agree on one
    secret and neither reads half of it.
    """
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
            with os.fdopen(handle, "w") as file:
                file.write(generate_key())
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            Path(draft).unlink()
        return path.read_text().strip()
    except OSError as error:
        raise SettingsError(f"{path} cannot be used ({error.strerror}).") from error
