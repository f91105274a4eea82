"""Names that a CA may not certify: what is judged here, OpenSSL judges alike."""

import re
import subprocess
from itertools import product
from pathlib import Path

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.x509.oid import NameOID

from scep.protocol.name_constraints import find_forbidden_name
from scep.protocol.subject_template import PRINCIPAL_NAME, Naming
from tests.scep.corporate_ca import CorporateCa, make_ec_key


def name(**parts: str) -> x509.Name:
    oids = {"o": NameOID.ORGANIZATION_NAME, "cn": NameOID.COMMON_NAME, "e": NameOID.EMAIL_ADDRESS}
    return x509.Name([x509.NameAttribute(oids[kind], text) for kind, text in parts.items()])


def dns(text: str) -> x509.GeneralName:
    return x509.DNSName(text)


def mail(text: str) -> x509.GeneralName:
    return x509.RFC822Name._init_without_validation(text)


def uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


PRINCIPAL = x509.OtherName(PRINCIPAL_NAME, core.UTF8String("joe@example.com").dump())
BASES = (
    dns("example.com"),
    dns(".example.com"),
    dns("Com"),
    mail("example.com"),
    mail(".example.com"),
    mail("joe@example.com"),
    uri("example.com"),
    uri(".example.com"),
    x509.DirectoryName(name(o="corp  x")),
    x509.DirectoryName(name()),
    PRINCIPAL,
)
SUBJECTS = (
    name(o="Corp X", cn="ses_abc"),
    name(o=" CORP  x", cn="phone.example.com"),
    name(o="Corp", cn="phone.other.org"),
    name(cn="x", e="joe@example.com"),
    name(cn="-a.b", e="joe@other.org"),
)
OTHERS: tuple[tuple[x509.GeneralName, ...], ...] = (
    (),
    (dns("example.com"),),
    (dns("a.EXAMPLE.com"),),
    (dns("badexample.com"),),
    (mail("Joe@example.com"),),
    (mail("joe@a.example.com"),),
    (mail("joe@EXAMPLE.com"), dns("b.example.com")),
    (uri("https://example.com/x"),),
    (uri("https://a.example.com:8443/x"),),
    (uri("urn:x:y"),),
    (PRINCIPAL,),
)


@pytest.mark.parametrize("is_permitted", [True, False], ids=["permitted", "excluded"])
def test_names_are_refused_exactly_when_openssl_refuses_them(
    is_permitted: bool, tmp_path: Path
) -> None:
    key = make_ec_key()
    for base in BASES:
        constraints = x509.NameConstraints(*([base], None)[:: 1 if is_permitted else -1])
        root = CorporateCa("Root", critical=(constraints,))
        (tmp_path / "root.pem").write_bytes(root.pem)
        judged = {}
        for number, (subject, others) in enumerate(product(SUBJECTS, OTHERS)):
            path = tmp_path / f"{number}.pem"
            extensions = (x509.SubjectAlternativeName(others),) if others else ()
            leaf = CorporateCa(
                "", parent=root, key=key, is_authority=False, extensions=extensions, given=subject
            )
            path.write_bytes(leaf.pem)
            judged[str(path)] = find_forbidden_name(Naming(subject, others), [constraints]) == ""
        done = subprocess.run(
            ["openssl", "verify", "-CAfile", str(tmp_path / "root.pem"), *judged],
            capture_output=True,
            check=False,
            text=True,
        )
        good = set(re.findall(r"^(.*): OK$", done.stdout, re.MULTILINE))
        assert {path: path in good for path in judged} == judged, base


def test_first_forbidden_name_is_told() -> None:
    constraints = x509.NameConstraints([dns("example.com")], None)
    naming = Naming(name(cn="x"), (dns("a.example.com"), dns("b.example.org")))
    assert find_forbidden_name(naming, [constraints]) == "b.example.org"
    assert find_forbidden_name(naming, []) == ""
