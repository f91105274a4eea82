"""Which names the CAs above a certificate let it have (RFC 5280 section 4.2.1.10).

Judged as OpenSSL judges, which is a little stricter than the RFC: a root's constraints count too,
so does a CN that looks like a host where there is no alternative one, and so does an e-mail
address in the subject always.
"""

from collections.abc import Callable, Sequence

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.x509.oid import NameOID

from scep.protocol.certificates import encode_certificate
from scep.protocol.subject_template import Naming

Match = Callable[[x509.GeneralName, x509.GeneralName], bool]


def read_constraints(certificate: x509.Certificate) -> x509.NameConstraints | None:
    """Return what the CA may certify; None where it is free. Raises ValueError."""
    try:
        return certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None


def has_bounds(certificate: x509.Certificate) -> bool:
    """Whether a constraint has a minimum or maximum, which the RFC forbids and OpenSSL refuses."""
    loaded = asn1_x509.Certificate.load(encode_certificate(certificate))
    value = loaded.name_constraints_value
    if value is None:
        return False
    subtrees = [*(value["permitted_subtrees"] or ()), *(value["excluded_subtrees"] or ())]
    return any(each["minimum"].native or each["maximum"].native is not None for each in subtrees)


def find_forbidden_name(naming: Naming, constraints: Sequence[x509.NameConstraints]) -> str:
    """Return the first name that one of the CAs does not let a certificate have, "" for none."""
    for name in _list_names(naming):
        if any(_forbids(each, name) for each in constraints):
            return _describe(name)
    return ""


def get_naming(certificate: x509.Certificate) -> Naming:
    """Return the names that stand in a certificate."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return Naming(certificate.subject)
    return Naming(certificate.subject, tuple(found.value))


def _list_names(naming: Naming) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [*naming.alternative_names]
    if list(naming.subject):
        names.append(x509.DirectoryName(naming.subject))
    for each in naming.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
        names.append(x509.RFC822Name._init_without_validation(str(each.value)))
    if not any(isinstance(each, x509.DNSName) for each in naming.alternative_names):
        for each in naming.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
            if _is_host(str(each.value)):
                names.append(x509.DNSName._init_without_validation(str(each.value)))
    return names


def _is_host(text: str) -> bool:
    """Whether OpenSSL takes a CN for a host: two labels or more of letters, digits, `_`, `-`."""
    labels = text.split(".")
    if len(labels) < 2 or not text.isascii() or text[0] == "-" or text[-1] == "-":
        return False
    fits = all(label and label.replace("-", "").replace("_", "").isalnum() for label in labels)
    return fits and ".-" not in text and "-." not in text


def _forbids(constraints: x509.NameConstraints, name: x509.GeneralName) -> bool:
    permitted = [each for each in constraints.permitted_subtrees or () if _is_alike(each, name)]
    excluded = [each for each in constraints.excluded_subtrees or () if _is_alike(each, name)]
    if not permitted and not excluded:
        return False
    match = MATCHES.get(type(name))
    if match is None:
        return True  # constrained in a way that nobody understands
    try:
        if permitted and not any(match(name, each) for each in permitted):
            return True
        return any(match(name, each) for each in excluded)
    except ValueError:
        return True


def _is_alike(one: x509.GeneralName, other: x509.GeneralName) -> bool:
    if isinstance(one, x509.OtherName) and isinstance(other, x509.OtherName):
        return one.type_id == other.type_id
    return type(one) is type(other)


def _matches_host(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    """The host itself and whatever is below it; one that begins with a dot: only what is below."""
    host, above = str(name.value).lower(), str(base.value).lower()
    if not above or host == above:
        return True
    return host.endswith(above if above.startswith(".") else f".{above}")


def _matches_address(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    """One mailbox, all of one host, or (after a dot) all of those below a domain."""
    local, separator, host = str(name.value).rpartition("@")
    if not separator:
        raise ValueError("no address")
    mailbox, is_mailbox, above = str(base.value).rpartition("@")
    if is_mailbox and mailbox and mailbox != local:
        return False
    return _is_below(host, above, can_be_domain=not is_mailbox)


def _matches_uri(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    scheme, separator, rest = str(name.value).partition("://")
    host = rest.partition(":")[0] if ":" in rest else rest.partition("/")[0]
    if not scheme or not separator or not host or "/" in host or "@" in host:
        raise ValueError("no host")
    return _is_below(host, str(base.value), can_be_domain=True)


def _is_below(host: str, above: str, *, can_be_domain: bool) -> bool:
    host, above = host.lower(), above.lower()
    if can_be_domain and above.startswith("."):
        return host.endswith(above) and len(host) > len(above)
    return host == above


def _matches_directory(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    own, above = (_normalize(each.value) for each in (name, base))
    return own[: len(above)] == above


def _normalize(name: x509.Name) -> list[frozenset[tuple[str, str]]]:
    """Return the relative names as they are compared: without case, spaces in a row are one."""
    return [
        frozenset((each.oid.dotted_string, _fold(str(each.value))) for each in rdn)
        for rdn in name.rdns
    ]


def _fold(text: str) -> str:
    return " ".join(text.lower().split())


def _describe(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DirectoryName):
        return name.value.rfc4514_string()
    if isinstance(name, x509.OtherName):
        return f"otherName {name.type_id.dotted_string}"
    return str(name.value)


MATCHES: dict[type[x509.GeneralName], Match] = {
    x509.DNSName: _matches_host,
    x509.RFC822Name: _matches_address,
    x509.UniformResourceIdentifier: _matches_uri,
    x509.DirectoryName: _matches_directory,
}
