"""Data all of whose lengths are told at the end, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scep.protocol.ber import encode_definite


@pytest.mark.parametrize(
    "broken",
    ["3080", "30800000 30", "30 03 3080", "0480 0000", "30 05 0401", "1f", "1f8f", "3085 01", "00"],
)
def test_data_is_refused_when_an_element_does_not_end(broken: str) -> None:
    with pytest.raises(ValueError, match=r"element|length"):
        encode_definite(bytes.fromhex(broken))


def test_data_is_refused_when_it_is_nested_without_end() -> None:
    with pytest.raises(ValueError, match="too deeply"):
        encode_definite(b"\x30\x80" * 30_000)


@given(st.binary(max_size=300))
def test_only_one_error_comes_out_whatever_comes_in(data: bytes) -> None:
    try:
        definite = encode_definite(data)
    except ValueError:
        return
    assert encode_definite(definite) == definite
