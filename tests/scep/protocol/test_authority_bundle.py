"""An issuing CA that somebody brings: read in every usual form, refused for every usual mistake."""

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import keys, pem
from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from scep.errors import AuthorityInvalid
from scep.protocol.authority_bundle import decode_bundle
from scep.protocol.certificate_bundle import CertificateBundle
from tests.scep.corporate_ca import CorporateCa, list_above, make_corporation, make_ec_key
from tests.scep.device import make_key
from tests.scep.reply import run_openssl

CORPORATION = make_corporation()
# permittedSubtrees: dNSName example.com, maximum 3.
BOUNDED = x509.UnrecognizedExtension(
    x509.ExtensionOID.NAME_CONSTRAINTS,
    bytes.fromhex("3014a0123010820b6578616d706c652e636f6d810103"),
)
PASSWORD = "a password of theirs"
ADVICE = re.compile(r"\. (Have it certified|Bring|Make a new CA|Import it after) ")
"""What to do stands behind what is wrong."""
STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")


CORPORATE_NAME, OTHER_NAME = (
    x509.DirectoryName(
        x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organization)])
    )
    for organization in ("corporation", "Others")
)
CLIENT, SERVER, ANY = (
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
)


def decode(data: bytes, *, key: bytes | None = None, password: str = "") -> CertificateBundle:
    return decode_bundle(data, key=key, password=password, now=datetime.now(UTC))


def names(bundle: CertificateBundle) -> list[str]:
    chain = [bundle.certificate, *bundle.above]
    return [
        str(each.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
        for each in chain
    ]


def make_p12(ca: CorporateCa, *, others: list[CorporateCa], password: str = PASSWORD) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"ca", ca.key, ca.certificate, [each.certificate for each in others],
        BestAvailableEncryption(password.encode()),
    )  # fmt: skip


def test_chain_comes_in_order_when_the_file_has_none() -> None:
    policy, root = list_above(CORPORATION)
    stranger = CorporateCa("Stranger")
    data = root.pem + stranger.pem + CORPORATION.key_pem + policy.pem + CORPORATION.pem
    assert names(decode(data)) == ["Device CA", "Corporate Policy CA", "Corporate Root"]


def test_every_usual_form_is_read() -> None:
    policy, root = list_above(CORPORATION)
    chain = CORPORATION.pem + policy.pem + root.pem
    encrypted = CORPORATION.encrypt_key(PASSWORD)
    forms: list[CertificateBundle] = [
        decode(chain, key=CORPORATION.key_pem),
        decode(chain, key=encrypted, password=PASSWORD),
        decode(encrypted + chain, password=PASSWORD),
        decode(CORPORATION.bundle, password="not needed"),
        decode(make_p12(CORPORATION, others=[root, policy]), password=PASSWORD),
    ]
    for form in forms:
        assert names(form) == ["Device CA", "Corporate Policy CA", "Corporate Root"]
        assert form.key.public_key() == CORPORATION.certificate.public_key()


def test_a_certificate_of_an_unknown_version_is_refused() -> None:
    """The library's error for it is no ValueError."""
    version = bytes.fromhex("a003020102")
    odd = CORPORATION.certificate.public_bytes(Encoding.DER).replace(version, version[:-1] + b"\t")
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(odd)
    with pytest.raises(AuthorityInvalid, match="holds no certificate"):
        decode(pem + b"-----END CERTIFICATE-----\n" + CORPORATION.key_pem)


def test_self_signed_ca_may_issue_itself() -> None:
    root = CorporateCa("Lone Root")
    assert names(decode(root.bundle)) == ["Lone Root"]


@pytest.mark.parametrize("key", [make_ec_key(ec.SECP384R1()), make_key()])
def test_keys_of_each_usual_kind_are_taken(key: Any) -> None:
    assert decode(make_corporation(key=key).bundle).key is not None


def test_signature_decides_when_two_cas_have_the_same_name() -> None:
    """A re-keyed policy CA: the one with the right name and the wrong key comes first."""
    policy, root = list_above(CORPORATION)
    namesake = CorporateCa(policy.name, parent=root)
    bundle = decode(CORPORATION.bundle.replace(policy.pem, namesake.pem + policy.pem))
    assert bundle.above == (policy.certificate, root.certificate)
    with pytest.raises(AuthorityInvalid, match="incomplete"):
        decode(CORPORATION.bundle.replace(policy.pem, namesake.pem))


def test_way_to_a_root_is_found_when_a_cross_certificate_leads_nowhere() -> None:
    policy, root = list_above(CORPORATION)
    cross = CorporateCa(policy.name, parent=CorporateCa("Not in the file"), key=policy.key)
    bundle = decode(CORPORATION.bundle.replace(policy.pem, cross.pem + policy.pem))
    assert bundle.above == (policy.certificate, root.certificate)


@pytest.mark.parametrize("password", ["", "wrong"])
def test_password_is_asked_for_when_it_is_missing_or_wrong(password: str) -> None:
    policy, root = list_above(CORPORATION)
    with pytest.raises(AuthorityInvalid, match="password"):
        decode(make_p12(CORPORATION, others=[policy, root]), password=password)
    with pytest.raises(AuthorityInvalid, match="password"):
        decode(CORPORATION.pem, key=CORPORATION.encrypt_key(PASSWORD), password=password)


def test_key_of_another_is_refused() -> None:
    with pytest.raises(AuthorityInvalid, match="belongs to none"):
        decode(CORPORATION.bundle, key=CorporateCa("Other").key_pem)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"is_authority": False}, "no CA:TRUE"),
        ({"usages": ("digital_signature", "crl_sign")}, "lacks keyCertSign"),
        ({"usages": ("digital_signature", "key_cert_sign")}, "lacks cRLSign"),
        ({"days": -1}, "has expired"),
        ({"days": 7301}, "not valid yet"),
        ({"key": make_key(bits=1024)}, "2048"),
        ({"key": make_ec_key(ec.SECP521R1())}, "P-256 or P-384"),
        ({"extensions": (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),)}, "client"),
        ({"critical": (BOUNDED,)}, "have bounds"),
        ({"critical": (STRANGE,)}, r"critical extension \(1\.2\.3\.4\)"),
        ({"critical": (x509.PolicyConstraints(0, None),)}, "requires a certificate policy"),
        ({"extensions": (x509.PolicyConstraints(1, None),)}, "requires a certificate policy"),
    ],
)  # fmt: skip
def test_ca_that_must_not_or_cannot_issue_is_refused(changed: Any, reason: str) -> None:
    with pytest.raises(AuthorityInvalid, match=reason) as refusal:
        decode(make_corporation(**changed).bundle)
    assert ADVICE.search(str(refusal.value))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"days": -1}, "Policy CA.* has expired"),
        ({"path_length": 0}, "path length"),
        ({"usages": ("digital_signature",)}, "lacks keyCertSign"),
        ({"is_authority": False}, "no CA:TRUE"),
        ({"key": make_key(bits=1024)}, "2048"),
        ({"critical": (x509.NameConstraints(None, [CORPORATE_NAME]),)}, "may not certify"),
        ({"critical": (x509.NameConstraints([OTHER_NAME], None),)}, "may not certify"),
        ({"critical": (STRANGE,)}, "critical extension"),
        ({"critical": (x509.PolicyConstraints(2, None),)}, "requires a certificate policy"),
    ],
)
def test_ca_is_refused_when_one_above_it_is_wrong(changed: Any, reason: str) -> None:
    policy = CorporateCa("Policy CA", parent=CorporateCa("Corporate Root"), **changed)
    with pytest.raises(AuthorityInvalid, match=reason) as refusal:
        decode(CorporateCa("Device CA", parent=policy).bundle)
    assert ADVICE.search(str(refusal.value))


@pytest.mark.parametrize(
    "usages", [(CLIENT,), (ANY,), (ANY, CLIENT), (SERVER, ANY), (SERVER, CLIENT)]
)
def test_extended_usages_are_taken_when_openssl_takes_them(usages: Any, tmp_path: Path) -> None:
    ca = make_corporation(extensions=(x509.ExtendedKeyUsage(usages),))
    leaf = CorporateCa(
        "phone",
        parent=ca,
        is_authority=False,
        usages=("digital_signature",),
        extensions=(x509.ExtendedKeyUsage([CLIENT]),),
    )
    policy, root = list_above(ca)
    (tmp_path / "root.pem").write_bytes(root.pem)
    (tmp_path / "between.pem").write_bytes(ca.pem + policy.pem)
    (tmp_path / "leaf.pem").write_bytes(leaf.pem)
    verify = [
        "verify", "-purpose", "sslclient", "-CAfile", str(tmp_path / "root.pem"),
        "-untrusted", str(tmp_path / "between.pem"), str(tmp_path / "leaf.pem"),
    ]  # fmt: skip
    if CLIENT in usages:
        run_openssl(*verify)
        assert names(decode(ca.bundle))[0] == "Device CA"
        return
    with pytest.raises(AssertionError, match="unsuitable certificate purpose"):
        run_openssl(*verify)
    with pytest.raises(AuthorityInvalid, match="lacks client authentication"):
        decode(ca.bundle)


WRONG_KEY = x509.AuthorityKeyIdentifier(b"another key", None, None)
WRONG_SERIAL = x509.AuthorityKeyIdentifier(
    None, [x509.DirectoryName(list_above(CORPORATION)[0].subject)], 5
)


@pytest.mark.parametrize("identifier", [WRONG_KEY, WRONG_SERIAL])
def test_ca_that_names_another_issuer_is_refused_for_openssl_finds_no_way_up(
    identifier: x509.AuthorityKeyIdentifier, tmp_path: Path
) -> None:
    ca = make_corporation(has_key_identifier=False, extensions=(identifier,))
    policy, root = list_above(ca)
    for name, each in (("ca", ca), ("policy", policy), ("root", root)):
        (tmp_path / f"{name}.pem").write_bytes(each.pem)
    with pytest.raises(AssertionError, match="unable to get local issuer"):
        run_openssl(
            "verify", "-CAfile", str(tmp_path / "root.pem"),
            "-untrusted", str(tmp_path / "policy.pem"), str(tmp_path / "ca.pem"),
        )  # fmt: skip
    with pytest.raises(AuthorityInvalid, match="names another CA"):
        decode(ca.bundle)


def test_root_that_names_another_issuer_is_refused() -> None:
    identifiers = (x509.SubjectKeyIdentifier(b"own"), WRONG_KEY)
    root = CorporateCa("Root", extensions=identifiers, has_key_identifier=False)
    with pytest.raises(AuthorityInvalid, match="names another CA"):
        decode(CorporateCa("Device CA", parent=root, has_key_identifier=False).bundle)


def test_key_is_refused_when_its_password_would_take_the_server_minutes() -> None:
    _, _, der = pem.unarmor(CORPORATION.encrypt_key(PASSWORD))
    key = keys.EncryptedPrivateKeyInfo.load(der)
    function = key["encryption_algorithm"]["parameters"]["key_derivation_func"]
    function["parameters"]["iteration_count"] = 2_000_000_000
    slow = pem.armor("ENCRYPTED PRIVATE KEY", key.dump(force=True))
    with pytest.raises(AuthorityInvalid, match="more rounds"):
        decode(CORPORATION.bundle, key=slow, password=PASSWORD)


def test_scrypt_may_cost_what_openssl_asks_for_and_not_twenty_times_as_much() -> None:
    policy, root = list_above(CORPORATION)
    chain = CORPORATION.pem + policy.pem + root.pem
    for factor, is_read in (("1", True), ("20", False)):
        key = run_openssl(
            "pkcs8", "-topk8", "-passout", "pass:x", "-scrypt", "-scrypt_p", factor,
            stdin=CORPORATION.key_pem,
        )  # fmt: skip
        if is_read:
            assert len(names(decode(chain, key=key, password="x"))) == 3
            continue
        with pytest.raises(AuthorityInvalid, match="more rounds"):
            decode(chain, key=key, password="x")


def test_pkcs12_is_refused_when_its_password_would_take_the_server_minutes() -> None:
    package = asn1_pkcs12.Pfx.load(make_p12(CORPORATION, others=list_above(CORPORATION)))
    package["mac_data"]["iterations"] = 2_000_000_000
    with pytest.raises(AuthorityInvalid, match="more rounds"):
        decode(package.dump(force=True), password=PASSWORD)


def test_ca_without_a_name_is_refused() -> None:
    nameless = CorporateCa("", parent=CorporateCa("Root"), given=x509.Name([]))
    with pytest.raises(AuthorityInvalid, match="no subject"):
        decode(nameless.bundle)


def test_ca_signed_with_sha1_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(CorporateCa("Root").bundle)
    (tmp_path / "key.pem").write_bytes(CorporateCa("Old CA").key_pem)
    root = str(tmp_path / "root.pem")
    pem = run_openssl(
        "req", "-x509", "-new", "-sha1", "-key", str(tmp_path / "key.pem"), "-subj", "/CN=Old CA",
        "-CA", root, "-CAkey", root, "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=keyCertSign,cRLSign", "-days", "30",
    )  # fmt: skip
    with pytest.raises(AuthorityInvalid, match="SHA1"):
        decode(pem + (tmp_path / "root.pem").read_bytes(), key=(tmp_path / "key.pem").read_bytes())


def test_ca_whose_key_signs_by_another_scheme_only_is_refused(tmp_path: Path) -> None:
    """openssl would find none of its certificates issued by it."""
    key = str(tmp_path / "key.pem")
    run_openssl("genpkey", "-algorithm", "RSA-PSS", "-out", key)
    made = run_openssl(
        "req", "-x509", "-new", "-key", key, "-subj", "/CN=PSS CA", "-days", "30",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    with pytest.raises(AuthorityInvalid, match="RSA-PSS"):
        decode(made, key=Path(key).read_bytes())


def test_ca_is_refused_when_its_key_spells_out_the_curve(tmp_path: Path) -> None:
    """OpenSSL lets nothing pass that such a CA has signed."""
    key = str(tmp_path / "key.pem")
    curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    run_openssl("genpkey", *curve, "-pkeyopt", "ec_param_enc:explicit", "-out", key)
    made = run_openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=Old CA", "-days", "30")
    with pytest.raises(AuthorityInvalid, match="spells its curve out"):
        decode(made, key=Path(key).read_bytes())


def test_harmless_extensions_are_taken() -> None:
    for harmless in (
        {"extensions": (STRANGE,)},
        {"critical": (x509.InhibitAnyPolicy(0), x509.PolicyConstraints(None, 0))},
        {"critical": (x509.PolicyConstraints(2, None),)},
        {"critical": (x509.NameConstraints([CORPORATE_NAME], None),)},
        {"critical": (x509.NameConstraints(None, [OTHER_NAME]),)},
    ):
        assert len(names(decode(make_corporation(**harmless).bundle))) == 3


def test_old_root_may_have_signed_itself_with_sha1(tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    made = run_openssl(
        "req", "-x509", "-new", "-sha1", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Old Root",
        "-keyout", str(tmp_path / "root.key"), "-days", "30",
    )  # fmt: skip
    root.write_bytes(made)
    issuing = run_openssl(
        "req", "-x509", "-new", "-sha256", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=New CA",
        "-keyout", str(tmp_path / "new.key"), "-days", "30", "-CA", str(root), "-CAkey",
        str(tmp_path / "root.key"), "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    bundle = decode(issuing + made, key=(tmp_path / "new.key").read_bytes())
    assert names(bundle) == ["New CA", "Old Root"]


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda policy: policy.certificate.public_bytes(Encoding.DER), "openssl x509 -inform der"),
        (
            lambda policy: pkcs7.serialize_certificates([policy.certificate], Encoding.PEM),
            "openssl pkcs7 -print_certs",
        ),
    ],
)
def test_advice_is_to_convert_when_windows_has_exported_the_file(make: Any, advice: str) -> None:
    with pytest.raises(AuthorityInvalid, match=advice):
        decode(make(CORPORATION), key=CORPORATION.key_pem)


def test_incomplete_chain_is_refused() -> None:
    policy, root = list_above(CORPORATION)
    for missing in (policy, root):
        with pytest.raises(AuthorityInvalid, match="incomplete"):
            decode(CORPORATION.bundle.replace(missing.pem, b""))


def test_expired_root_is_refused() -> None:
    with pytest.raises(AuthorityInvalid, match="has expired"):
        decode_bundle(
            CORPORATION.bundle,
            key=None,
            password="",
            now=datetime.now(UTC) + timedelta(days=3651),
        )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30\x03\x02\x01\x00",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        CORPORATION.key_pem,
        CORPORATION.pem,
        CORPORATION.pem + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        CORPORATION.bundle * 400,
        CORPORATION.bundle + b"".join(CorporateCa(f"{n}").pem for n in range(20)),
    ],
)
def test_rubbish_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(AuthorityInvalid, match=r"\w+"):
        decode(data)
