import pytest

from organization.protocol.one_line import is_one_line


@pytest.mark.parametrize(
    "text", ["Engineering BYOD", "👨‍👩‍👧 Family iPads", "می‌خواهم", "क्‍ष", "", "Zoë", "❤️"]
)
def test_text_is_one_line_when_all_of_it_shows(text: str) -> None:
    assert is_one_line(text)


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\0b",
        "a\u2028b",
        "a\u200bb",
        "\u202egnp.exe",
        "\u200dFamily",
        "Family\u200c",
        "\u200d",
    ],
)
def test_text_is_refused_when_some_of_it_is_invisible(text: str) -> None:
    assert not is_one_line(text)
