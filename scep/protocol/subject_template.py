"""Whom a device's certificate names: a SCEP profile's templates, filled with what we know.

A template is a relative name like `CN={serial}` or an alternative name like
`dns={serial}.example.com`. Values are put in once and are never read as templates again.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from urllib.parse import quote

from asn1crypto import core
from cryptography import x509
from cryptography.x509.oid import NameOID

from scep.errors import ProfileInvalid
from scep.protocol.issuing import MAX_NAME_BYTES, cut_text

PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
MAX_RELATIVE_NAMES, MAX_ALTERNATIVE_NAMES, MAX_TEMPLATE = 12, 8, 200
MAX_ALTERNATIVE_NAME = 253
RELATIVE_NAMES: dict[str, x509.ObjectIdentifier] = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "UID": NameOID.USER_ID,
    "E": NameOID.EMAIL_ADDRESS,
    "serialNumber": NameOID.SERIAL_NUMBER,
}
VARIABLE = re.compile(r"\{([^{}]*)\}")
COUNTRY = re.compile(r"[A-Za-z]{2}")
DNS_NAME = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Without ASCII, case would be ignored of İ, ſ and K (kelvin) as well: they are i, s and k.
LABEL = re.compile(r"[a-z0-9-]+", re.IGNORECASE | re.ASCII)
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]+")
# Relative names that are no UTF8String, with the longest that each may be (RFC 5280 appendix A,
# RFC 1034 section 3.1). What is longer is left out: cut, it would name somebody else.
NARROW = {
    "E": (EMAIL, 255),
    "DC": (LABEL, 63),
    "serialNumber": (re.compile(r"[A-Za-z0-9 '()+,\-./:=?]+"), 64),
}


@dataclass(frozen=True)
class SubjectAttributes:
    """What the server knows about the device of an enrollment session; "" where unknown.

    `group`, `token` and `organization` are names; `session` is the session's public id; `product`
    is Apple's, like iPhone16,1.
    """

    serial: str = ""
    udid: str = ""
    platform: str = ""
    group: str = ""
    token: str = ""
    owner: str = ""
    session: str = ""
    organization: str = ""
    imei: str = ""
    product: str = ""


VARIABLES = tuple(field.name for field in fields(SubjectAttributes))
DEVICE_VARIABLES = ("serial", "udid", "product")
"""Known once the device has checked in, after its first certificate; by the Profile Service before.

Not among them is `imei`, which only some devices have.
"""

TOLD_VARIABLES = ("serial", "udid", "imei", "product")
"""What is only what the device says of itself."""


@dataclass(frozen=True)
class _Template:
    """A template, read: its kind (CN, dns, …), what stands behind it, the variables in that."""

    kind: str
    text: str
    variables: tuple[str, ...]


@dataclass(frozen=True)
class Naming:
    """The names that stand in a certificate."""

    subject: x509.Name
    alternative_names: tuple[x509.GeneralName, ...] = ()


def verify_subject_template(subject: Sequence[str]) -> None:
    """Raise ProfileInvalid unless every relative name can be filled and at most one is a CN."""
    field = "subject"
    kinds = [_verify_template(text, kinds=tuple(RELATIVE_NAMES), field=field) for text in subject]
    if len(kinds) > MAX_RELATIVE_NAMES:
        raise ProfileInvalid(f"A subject has at most {MAX_RELATIVE_NAMES} parts.", field=field)
    if kinds.count("CN") > 1:
        raise ProfileInvalid("A subject has one CN.", field=field)
    for kind, text in zip(kinds, subject, strict=True):
        value = text.partition("=")[2]
        if kind == "C" and not COUNTRY.fullmatch(value):
            raise ProfileInvalid("C is a country's code of two letters.", field=field)


def verify_alternative_name_templates(names: Sequence[str]) -> None:
    """Raise ProfileInvalid unless every alternative name can be filled."""
    field = "subject_alternative_names"
    if len(names) > MAX_ALTERNATIVE_NAMES:
        raise ProfileInvalid(
            f"There are at most {MAX_ALTERNATIVE_NAMES} alternative names.", field=field
        )
    for text in names:
        _verify_template(text, kinds=tuple(ALTERNATIVE_NAMES), field=field)


def build_naming(
    subject: Sequence[str],
    alternative_names: Sequence[str],
    *,
    attributes: SubjectAttributes,
    fallback: str,
) -> Naming:
    """Fill the templates; `fallback` becomes the CN where none is left.

    A part whose variables are all unknown is left out, as is one that would be no valid name of
    its kind: a device's serial number is only what the device says.
    """
    templates = [_read_template(text) for text in (*subject, *alternative_names)]
    values = {
        name: clean_text(getattr(attributes, name)) if name in VARIABLES else ""
        for template in templates
        for name in template.variables
    }
    names = [_build_relative_name(each, values=values) for each in templates[: len(subject)]]
    relative = [name for name in names if name is not None]
    if not any(name.oid == NameOID.COMMON_NAME for name in relative):
        relative.append(x509.NameAttribute(NameOID.COMMON_NAME, cut_text(fallback)))
    built = [_build_alternative_name(each, values=values) for each in templates[len(subject) :]]
    return Naming(x509.Name(relative), tuple(name for name in built if name is not None))


def keep_common_name(naming: Naming, common_name: str, *, session: str) -> Naming:
    """Return the names with this CN, unless theirs tells the session, which is enough.

    One that is too long for a CN, as some CAs make them, can be asked for by nobody.
    """
    own = naming.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    is_lawful = 0 < len(common_name.encode()) <= MAX_NAME_BYTES
    if not is_lawful or any(session in str(each.value) for each in own):
        return naming
    parts = [
        x509.NameAttribute(part.oid, common_name) if part in own else part
        for part in naming.subject
    ]
    return Naming(x509.Name(parts), naming.alternative_names)


def lacks_device_attributes(templates: Sequence[str], *, attributes: SubjectAttributes) -> bool:
    """Whether a template names the device's serial number or UDID, which is not known yet."""
    named = {name for text in templates for name in _read_template(text).variables}
    return any(name in named and not getattr(attributes, name) for name in DEVICE_VARIABLES)


def clean_text(text: str) -> str:
    """Return the text without control characters (a NUL among them) and outer spaces."""
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return text.strip()


def _verify_template(text: str, *, kinds: tuple[str, ...], field: str) -> str:
    kind, separator, value = text.partition("=")
    if kind not in kinds or not separator or not value.strip():
        raise ProfileInvalid(
            f"“{text[:60]}” must be KIND=value with {', '.join(kinds)}.", field=field
        )
    if len(text) > MAX_TEMPLATE or not text.isprintable():
        raise ProfileInvalid(
            f"“{text[:60]}” is too long or holds a control character.", field=field
        )
    unknown = [name for name in VARIABLE.findall(value) if name not in VARIABLES]
    if unknown or set(VARIABLE.sub("", value)) & set("{}"):
        raise ProfileInvalid(
            f"“{text[:60]}” may hold {', '.join(f'{{{name}}}' for name in VARIABLES)}.",
            field=field,
        )
    return kind


# Those of the SCEP profiles of one server; each is at most MAX_TEMPLATE long.
@lru_cache(maxsize=256)
def _read_template(text: str) -> _Template:
    kind, _, value = text.partition("=")
    return _Template(kind, value, tuple(VARIABLE.findall(value)))


def _fill(
    template: _Template, *, values: Mapping[str, str], escape: Callable[[str], str] = str
) -> str | None:
    """Return the text with its variables, None where all of them are unknown."""
    if template.variables and not any(values[name] for name in template.variables):
        return None
    filled = VARIABLE.sub(lambda match: escape(values[match[1]]), template.text)
    return filled.strip() or None


def _build_relative_name(
    template: _Template, *, values: Mapping[str, str]
) -> "x509.NameAttribute[str] | None":
    kind = template.kind
    oid, value = RELATIVE_NAMES.get(kind), _fill(template, values=values)
    if oid is None or value is None:
        return None
    if kind == "C":
        return x509.NameAttribute(oid, value.upper()) if COUNTRY.fullmatch(value) else None
    if kind == "E" and _tells_address(template, values=values):
        return None
    if kind in NARROW:
        shape, longest = NARROW[kind]
        fits = len(value) <= longest and shape.fullmatch(value)
        return x509.NameAttribute(oid, value) if fits else None
    return x509.NameAttribute(oid, cut_text(value))


def _tells_address(template: _Template, *, values: Mapping[str, str]) -> bool:
    """Whether a device says itself whom a mail address, or a principal name, is of."""
    return any("@" in values[name] for name in template.variables if name in TOLD_VARIABLES)


def _build_alternative_name(
    template: _Template, *, values: Mapping[str, str]
) -> x509.GeneralName | None:
    build = ALTERNATIVE_NAMES.get(template.kind)
    return build(template, values) if build else None


def _build_dns_name(template: _Template, values: Mapping[str, str]) -> x509.GeneralName | None:
    """Each value is one label: a serial number with a dot in it would name another host."""
    if not all(LABEL.fullmatch(values[name]) for name in template.variables):
        return None
    name = (_fill(template, values=values) or "").lower()
    fits = len(name) <= MAX_ALTERNATIVE_NAME and DNS_NAME.fullmatch(name)
    return x509.DNSName(name) if fits else None


def _build_email(template: _Template, values: Mapping[str, str]) -> x509.GeneralName | None:
    address = _fill(template, values=values) or ""
    if _tells_address(template, values=values):
        return None
    fits = len(address) <= MAX_ALTERNATIVE_NAME and EMAIL.fullmatch(address)
    return x509.RFC822Name(address) if fits else None


def _build_uri(template: _Template, values: Mapping[str, str]) -> x509.GeneralName | None:
    uri = _fill(template, values=values, escape=lambda value: quote(value, safe="")) or ""
    fits = uri.isascii() and " " not in uri and 0 < len(uri) <= MAX_ALTERNATIVE_NAME
    return x509.UniformResourceIdentifier(uri) if fits else None


def _build_principal_name(
    template: _Template, values: Mapping[str, str]
) -> x509.GeneralName | None:
    name = _fill(template, values=values)
    if name is None or len(name) > MAX_ALTERNATIVE_NAME:
        return None
    if _tells_address(template, values=values):
        return None
    return x509.OtherName(PRINCIPAL_NAME, core.UTF8String(name).dump())


ALTERNATIVE_NAMES: dict[str, Callable[[_Template, Mapping[str, str]], x509.GeneralName | None]] = {
    "dns": _build_dns_name,
    "email": _build_email,
    "uri": _build_uri,
    "upn": _build_principal_name,
}
