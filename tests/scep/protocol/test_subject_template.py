"""Templates: who is named how, and which names never come to be (S5)."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from scep.errors import ProfileInvalid
from scep.protocol.subject_template import (
    PRINCIPAL_NAME,
    SubjectAttributes,
    build_naming,
    keep_common_name,
    lacks_device_attributes,
    verify_alternative_name_templates,
    verify_subject_template,
)

KNOWN = SubjectAttributes(
    serial="C02XK1",
    udid="00008030-0011",
    platform="macos",
    group="Sales",
    token="Spring",
    owner="ann@example.com",
    session="ses_1",
    organization="Example, Inc.",
)


def build(subject: list[str], names: tuple[str, ...] = (), **changed: str) -> Any:
    from dataclasses import replace

    return build_naming(
        subject, list(names), attributes=replace(KNOWN, **changed), fallback="fallback"
    )


def test_parts_stand_in_the_templates_order_when_everything_is_known() -> None:
    naming = build(["C=de", "O={organization}", "OU={group}-{platform}", "CN={serial}"])
    assert [(part.oid, part.value) for part in naming.subject] == [
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.ORGANIZATION_NAME, "Example, Inc."),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Sales-macos"),
        (NameOID.COMMON_NAME, "C02XK1"),
    ]


def test_part_is_left_out_when_all_of_its_variables_are_unknown() -> None:
    naming = build(["OU={group}", "OU=x{udid}-{serial}", "CN={serial}"], serial="", udid="")
    assert naming.subject.rfc4514_string() == "CN=fallback,OU=Sales"


def test_common_name_falls_back_when_the_template_has_none() -> None:
    assert build(["O=Example"]).subject.rfc4514_string() == "CN=fallback,O=Example"


def test_value_is_cut_to_64_bytes_and_loses_control_characters() -> None:
    naming = build(["CN={owner}"], owner="a\0b\n" + "ü" * 60)
    (part,) = naming.subject
    assert part.value == "ab" + "ü" * 31
    x509.Name(naming.subject)


def test_part_is_left_out_when_cut_it_would_name_somebody_else() -> None:
    """ann…@example.community is not ann…@example.com."""
    owner, serial = f"{'a' * 53}@example.community", "1" * 65
    subject = build(["E={owner}", "serialNumber={serial}"], owner=owner, serial=serial).subject
    assert subject.rfc4514_string() == f"CN=fallback,1.2.840.113549.1.9.1={owner}"


@pytest.mark.parametrize("group", ["\u0130stanbul", "\u017fales", "\u212aiel"])
def test_part_is_left_out_when_its_letters_only_pass_for_ascii(group: str) -> None:
    """Go and others cannot read a certificate whose domain component has another letter."""
    assert build(["DC={group}"], group=group).subject.rfc4514_string() == "CN=fallback"


def test_address_in_the_subject_is_left_out_when_a_device_tells_it() -> None:
    subject = build(["E={serial}"], serial="root@example.com").subject
    assert subject.rfc4514_string() == "CN=fallback"


def test_value_is_no_template_when_it_holds_braces() -> None:
    """A device chooses its serial number."""
    (part,) = build(["CN={serial}"], serial="{owner}").subject
    assert part.value == "{owner}"


def test_value_starts_no_other_part_when_it_holds_separators() -> None:
    naming = build(["CN={serial}"], serial="x,O=Evil+OU=y")
    (part,) = naming.subject
    assert part.value == "x,O=Evil+OU=y"


def test_alternative_names_are_of_their_kinds() -> None:
    names = build(
        ["CN=x"],
        ("dns={serial}.example.com", "email={owner}", "uri=urn:{group}", "upn={owner}"),
        group="R & D",
    ).alternative_names
    assert [type(name) for name in names] == [
        x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier, x509.OtherName,
    ]  # fmt: skip
    assert [name.value for name in names[:3]] == [
        "c02xk1.example.com", "ann@example.com", "urn:R%20%26%20D",
    ]  # fmt: skip
    assert names[3].type_id == PRINCIPAL_NAME
    assert names[3].value == b"\x0c\x0fann@example.com"


@pytest.mark.parametrize(
    ("template", "changed"),
    [
        ("dns={serial}.example.com", {"serial": ""}),
        ("dns={serial}.example.com", {"serial": "www.bank.com/"}),
        ("dns={serial}", {"serial": "www.bank.com"}),
        ("dns={serial}.example.com", {"serial": "*"}),
        ("dns={serial}.example.com", {"serial": "a" * 64}),
        ("dns={serial}.example.com", {"serial": "ä"}),
        ("email={owner}", {"owner": "Ann Smith"}),
        ("email={owner}", {"owner": "ä@example.com"}),
        ("email={owner}", {"owner": "a@b@c"}),
        ("uri=https://x/{serial}", {"serial": "a" * 300}),
        ("upn={owner}", {"owner": ""}),
        ("upn={serial}", {"serial": "root@example.com"}),
        ("upn={serial}@mac.example.com", {"serial": "root@example.com"}),
        ("email={udid}", {"udid": "root@example.com"}),
        ("dns={serial}", {"serial": "\u212a8"}),
    ],
)
def test_alternative_name_is_left_out_when_it_would_be_none_or_another(
    template: str, changed: dict[str, str]
) -> None:
    assert build(["CN=x"], (template,), **changed).alternative_names == ()


@pytest.mark.parametrize(
    ("templates", "attributes", "lacks"),
    [
        (["CN={serial}"], SubjectAttributes(), True),
        (["CN={session}", "dns={udid}.example.com"], SubjectAttributes(), True),
        (["CN={serial}"], SubjectAttributes(serial="x"), False),
        (["CN={owner}"], SubjectAttributes(), False),
    ],
)
def test_device_attributes_are_missed_when_a_template_names_them(
    templates: list[str], attributes: SubjectAttributes, lacks: bool
) -> None:
    assert lacks_device_attributes(templates, attributes=attributes) is lacks


@pytest.mark.parametrize(
    "subject",
    [
        ["CN={serial}", "CN={udid}"], ["CN"], ["CN="], ["XX=a"], ["CN={phone}"], ["CN={serial"],
        ["CN=a}b"], ["C=Germany"], ["C={group}"], ["CN=" + "a" * 300], ["CN=a\0"], ["O=x"] * 13,
        ["cn=x"],
    ],
)  # fmt: skip
def test_template_is_refused_when_it_cannot_be_filled(subject: list[str]) -> None:
    with pytest.raises(ProfileInvalid):
        verify_subject_template(subject)


@pytest.mark.parametrize("names", [["ip=1.2.3.4"], ["dns="], ["dns={mac}"], ["dns=x"] * 9])
def test_alternative_name_is_refused_when_it_cannot_be_filled(names: list[str]) -> None:
    with pytest.raises(ProfileInvalid):
        verify_alternative_name_templates(names)


def test_templates_are_accepted_when_they_can_be_filled() -> None:
    verify_subject_template(["C=DE", "O={organization}", "OU={group}", "CN={serial}-{platform}"])
    verify_alternative_name_templates(["dns={serial}.example.com", "upn={owner}"])


@pytest.mark.parametrize(
    ("template", "kept", "expected"),
    [
        ("CN={group}", "phone 7", "phone 7"),
        ("CN={group} {session}", "phone 7", "Sales ses_1"),
        ("CN={group}", "", "Sales"),
        ("CN={group}", "x" * 65, "Sales"),
        ("CN={group}", "é" * 33, "Sales"),
    ],
)
def test_common_name_stays_when_it_can_be_asked_for_and_no_session_is_told(
    template: str, kept: str, expected: str
) -> None:
    naming = keep_common_name(build(["O={organization}", template]), kept, session="ses_1")
    assert naming.subject.rfc4514_string() == f"CN={expected},O=Example\\, Inc."
