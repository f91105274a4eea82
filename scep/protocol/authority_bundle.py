"""An issuing CA as its owner brings it: PEM or PKCS#12, read and checked before it is believed."""

from collections.abc import Sequence
from datetime import datetime

from asn1crypto.x509 import Certificate as AnyCertificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, PublicKeyAlgorithmOID

from scep.errors import AuthorityInvalid, BundleInvalid
from scep.protocol.certificate_bundle import CertificateBundle, read_bundle
from scep.protocol.certificates import encode_certificate
from scep.protocol.name_constraints import (
    find_forbidden_name,
    get_naming,
    has_bounds,
    read_constraints,
)
from scep.protocol.reading import refusing

MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
SIGNING = "Have it certified again with keyCertSign and cRLSign."
CURVES = ("secp256r1", "secp384r1")
# What RFC 5280 section 4.2 has everybody understand who verifies a chain.
UNDERSTOOD = (
    ExtensionOID.KEY_USAGE,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.POLICY_MAPPINGS,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.POLICY_CONSTRAINTS,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.INHIBIT_ANY_POLICY,
)


def decode_bundle(
    data: bytes, *, key: bytes | None, password: str, now: datetime
) -> CertificateBundle:
    """Read an issuing CA and check that it may issue; the arguments are read_bundle's.

    Raises AuthorityInvalid, which says what is wrong.
    """
    with refusing(AuthorityInvalid, "A certificate in the file is malformed."):
        bundle = _read(data, key=key, password=password)
        for depth, each in enumerate((bundle.certificate, *bundle.above)):
            _check_authority(each, below=depth, now=now)
        chain = (bundle.certificate, *bundle.above)
        _check_names(chain)
        for each, issuer in zip(chain, (*chain[1:], chain[-1]), strict=True):
            _check_issuer_named(each, issuer=issuer)
        _check_scheme(bundle.certificate)
        _check_revoking(bundle.certificate)
    return bundle


def _read(data: bytes, *, key: bytes | None, password: str) -> CertificateBundle:
    try:
        return read_bundle(data, key=key, password=password)
    except BundleInvalid as error:
        raise AuthorityInvalid(str(error)) from error


def _check_authority(certificate: x509.Certificate, *, below: int, now: datetime) -> None:
    """Raise AuthorityInvalid unless it may certify CAs, `below` of them in a row, now."""
    name = f"“{certificate.subject.rfc4514_string()}”"
    if not list(certificate.subject):
        raise AuthorityInvalid(
            "A CA's certificate has no subject: nothing it signs can be verified. Have it "
            "certified again with a name."
        )
    _check_validity(certificate, name=name, now=now)
    _check_key_size(certificate, name=name)
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        is_authority, length = constraints.ca, constraints.path_length
    except x509.ExtensionNotFound:
        is_authority, length = False, None
    if not is_authority:
        raise AuthorityInvalid(
            f"The certificate {name} is not a CA's (no CA:TRUE). Bring that of a CA which may "
            "certify devices, not that of a server."
        )
    if length is not None and length < below:
        raise AuthorityInvalid(
            f"The path length of {name} ({length}) forbids the {below} CAs below it. Have it "
            "certified again with a longer one, or bring a CA directly below a root."
        )
    _check_key_usage(certificate, name=name)
    _check_extended_usage(certificate, name=name)
    _check_name_constraints(certificate, name=name)
    _check_policies(certificate, below=below, name=name)
    _check_critical(certificate, name=name)


def _check_validity(certificate: x509.Certificate, *, name: str, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        begin = certificate.not_valid_before_utc
        raise AuthorityInvalid(
            f"The certificate {name} is not valid yet. Import it after {begin:%-d %b %Y, %H:%M} "
            "UTC, or set this server's clock if it is wrong."
        )
    if now >= certificate.not_valid_after_utc:
        raise AuthorityInvalid(
            f"The certificate {name} has expired. Have it certified again; its key may stay."
        )


def _check_key_size(certificate: x509.Certificate, *, name: str) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        fits = MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS
    else:
        fits = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES
    if not fits:
        raise AuthorityInvalid(
            f"The key of {name} must be RSA with at least 2048 bits, or on P-256 or P-384. Make a "
            "new CA with such a key."
        )
    if isinstance(key, ec.EllipticCurvePublicKey) and not _is_curve_named(certificate):
        raise AuthorityInvalid(
            f"The key of {name} spells its curve out. RFC 5480 has its name alone, and OpenSSL and "
            "others refuse what such a CA has signed. Have it certified again with the name."
        )


def _is_curve_named(certificate: x509.Certificate) -> bool:
    key = AnyCertificate.load(encode_certificate(certificate)).public_key
    return bool(key["algorithm"]["parameters"].name == "named")


def _is_self_signed(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _check_key_usage(certificate: x509.Certificate, *, name: str) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        if _is_self_signed(certificate):
            return  # old roots say nothing about usage, and RFC 5280 asks nothing of anchors
        raise AuthorityInvalid(f"The certificate {name} has no key usage. {SIGNING}") from error
    if not usage.key_cert_sign:
        raise AuthorityInvalid(f"The key usage of {name} lacks keyCertSign. {SIGNING}")


def _check_name_constraints(certificate: x509.Certificate, *, name: str) -> None:
    if has_bounds(certificate):
        raise AuthorityInvalid(
            f"The name constraints of {name} have bounds, which none may have. Have it certified "
            "again without them."
        )


def _check_issuer_named(certificate: x509.Certificate, *, issuer: x509.Certificate) -> None:
    """Refuse one that names another issuer than its own: whoever verifies looks for that one."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return
    names = [each.value for each in found.authority_cert_issuer or () if _is_directory(each)]
    fits = found.authority_cert_serial_number in (None, issuer.serial_number)
    fits &= not names or names[0] == issuer.issuer
    if not fits or not _is_key_named(found.key_identifier, issuer=issuer):
        raise AuthorityInvalid(
            f"The authority key identifier of “{certificate.subject.rfc4514_string()}” names "
            f"another CA than “{issuer.subject.rfc4514_string()}”, which has signed it. Bring the "
            "certificate that is named, or have this one certified again."
        )


def _is_directory(name: x509.GeneralName) -> bool:
    return isinstance(name, x509.DirectoryName)


def _is_key_named(identifier: bytes | None, *, issuer: x509.Certificate) -> bool:
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return True
    return identifier is None or identifier == own.digest


def _check_names(certificates: Sequence[x509.Certificate]) -> None:
    """Raise AuthorityInvalid where a CA has a name that one above it may not certify."""
    for depth, each in enumerate(certificates):
        found = [read_constraints(above) for above in certificates[depth + 1 :]]
        constraints = [above for above in found if above is not None]
        forbidden = find_forbidden_name(get_naming(each), constraints)
        if forbidden and not _is_self_signed(each):
            raise AuthorityInvalid(
                f"A CA above “{forbidden}” may not certify that name. Have it certified by another "
                "CA, or with a name that this one may certify."
            )


def _check_policies(certificate: x509.Certificate, *, below: int, name: str) -> None:
    """Refuse what wants every certificate to name a policy: ours name none (section 4.2.1.11)."""
    if _is_self_signed(certificate):
        return  # nobody asks that of an anchor
    try:
        found = certificate.extensions.get_extension_for_class(x509.PolicyConstraints).value
    except x509.ExtensionNotFound:
        return
    skipped = found.require_explicit_policy
    if skipped is not None and skipped <= below + 1:
        raise AuthorityInvalid(
            f"{name} requires a certificate policy, and device identities have none. Have it "
            "certified again without policy constraints."
        )


def _check_critical(certificate: x509.Certificate, *, name: str) -> None:
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in UNDERSTOOD:
            raise AuthorityInvalid(
                f"{name} has a critical extension ({extension.oid.dotted_string}) that those who "
                "verify its certificates do not understand. Have it certified again without that."
            )


def _check_extended_usage(certificate: x509.Certificate, *, name: str) -> None:
    """OpenSSL, nginx and others ask of each CA above a certificate that it may certify such a use.

    anyExtendedKeyUsage does not do: RFC 5280 (4.2.1.12) lets verifiers insist on the very usage,
    and OpenSSL does.
    """
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        raise AuthorityInvalid(
            f"The extended key usage of {name} lacks client authentication (anyExtendedKeyUsage "
            "is not enough for OpenSSL and nginx). Have it certified again with it, or without any."
        )


def _check_revoking(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.crl_sign:
        raise AuthorityInvalid(
            f"The CA's key usage lacks cRLSign: it could revoke nothing. {SIGNING}"
        )


def _check_scheme(certificate: x509.Certificate) -> None:
    """What is issued here is signed by PKCS #1 v1.5, which every device verifies."""
    if certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
        raise AuthorityInvalid(
            "The CA's key is for RSA-PSS only, which old devices cannot verify. Make a new CA with "
            "a key for RSA, or on P-256 or P-384."
        )
