"""Names are compared by their characters, in linear time, whatever script they are in."""

import pytest
from asn1crypto import core
from asn1crypto.x509 import Name, NameType, NameTypeAndValue, RDNSequence, RelativeDistinguishedName

from scep.protocol.names import is_same_name
from scep.protocol.polling import is_named_issuer
from tests.scep.device import make_key, make_self_signed

MARKS = "\u0345\u0360\u035c\u0315\u0301\u0300\u0322\u0323\u0321\u0334"


def build(text: str, *, kind: str = "utf8_string") -> Name:
    attribute = NameTypeAndValue(
        {
            "type": NameType("organization_name"),
            "value": core.UTF8String(text) if kind == "utf8_string" else core.BMPString(text),
        }
    )
    return Name(name="", value=RDNSequence([RelativeDistinguishedName([attribute])]))


@pytest.mark.parametrize(
    "text", ["Example Corp", "חברת דוגמה", "شركة", "Geld ₺ 🎉", "\ue000", "אa"]
)
def test_name_is_the_same_when_only_its_string_type_differs(text: str) -> None:
    assert is_same_name(build(text), build(text))
    if max(text) <= "\uffff":
        assert is_same_name(build(text), build(text, kind="bmp_string"))
    assert not is_same_name(build(text), build(text + "x"))


def test_name_is_not_normalised_when_it_holds_long_runs_of_marks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Normalising 28,000 marks takes seconds: none of it may happen for a stranger's name."""
    asked: list[str] = []

    def count(form: str, text: str) -> str:
        asked.append(form)
        return text

    monkeypatch.setattr("unicodedata.normalize", count)
    long = build("".join(2800 * mark for mark in MARKS))
    assert not is_same_name(long, build("y"))
    assert not asked
    # A CertPoll that names such a CA is answered as well.
    certificate = make_self_signed(make_key(), name="ca")
    assert not is_named_issuer(long.dump(), certificates=[certificate])
