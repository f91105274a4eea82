"""What `make demo` prints, on terminals wide and narrow."""

from guardmdm.demo import build_terminal_qr

URL = "https://mdm.example.com/enroll?token=" + "a" * 650


def test_the_code_is_drawn_when_the_terminal_has_room_for_it() -> None:
    lines = build_terminal_qr(URL, columns=120).splitlines()
    assert len(lines) > 40
    assert any("▄" in line for line in lines)


def test_no_code_is_drawn_when_its_lines_would_break() -> None:
    text = build_terminal_qr(URL, columns=80)
    assert "▄" not in text
    assert "columns" in text
