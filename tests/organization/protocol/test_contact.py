import pytest

from organization.protocol.contact import split_contact


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("it-help@example.com", ["mailto:it-help@example.com"]),
        ("+41 44 123 45 67", ["tel:+41441234567"]),
        ("+41 (0)44 123 45 67", ["tel:+41441234567"]),
        ("(555) 010-9999", ["tel:5550109999"]),
        ("https://help.example.com/enroll?x=1.", ["https://help.example.com/enroll?x=1"]),
        (
            "IT desk (room 12): 044 123 45 67, it@example.com",
            ["tel:0441234567", "mailto:it@example.com"],
        ),
        ("a?b&c%d@example.com", ["mailto:a%3Fb%26c%25d@example.com"]),
        ("Anna, room 1234, since 2019", []),
        ("javascript:alert(1)", []),
        ("ftp://example.com", []),
    ],
)
def test_each_way_to_reach_help_is_a_link_of_its_kind(text: str, links: list[str]) -> None:
    parts = split_contact(text)
    assert [part.href for part in parts if part.href] == links
    assert "".join(part.text for part in parts) == text
