"""Enrollment tokens as bytes: what is signed, and what is refused before and after the key."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from enrollment.errors import TokenRefused
from enrollment.protocol.token import (
    EnrollmentClaims,
    decode_header,
    sign_token,
    verify_token,
)

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CLAIMS = EnrollmentClaims(
    sub="org_abc",
    name="Engineering BYOD",
    group_id="grp_456",
    max_uses=100,
    jti="11111111-2222-3333-4444-555555555555",
    exp=1_900_000_000,
    scep_profile="scep_def",
)


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign_bytes(payload: bytes, *, header: dict[str, Any] | None = None) -> str:
    """A JWS of any payload, with our key."""
    return jwt.PyJWS().encode(payload, KEY, algorithm="RS256", headers=header or {"kid": "k1"})


def sign_claims(**changes: Any) -> str:
    members = {"sub": "o", "name": "n", "group_id": "g", "max_uses": 0, "jti": "j"} | changes
    members = {name: value for name, value in members.items() if value is not ...}
    return sign_bytes(json.dumps(members).encode())


def with_header(**members: Any) -> str:
    """A token of ours whose header has been replaced."""
    _, payload, signature = sign_token(CLAIMS, kid="k1", private_key=KEY).split(".")
    return ".".join([encode(json.dumps(members).encode()), payload, signature])


def refusal(text: str) -> str:
    with pytest.raises(TokenRefused) as caught:
        verify_token(text, public_key=KEY.public_key())
    assert "eyJ" not in caught.value.message
    return caught.value.code


def test_claims_come_back_when_the_token_is_ours() -> None:
    text = sign_token(CLAIMS, kid="k1", private_key=KEY)
    assert decode_header(text) == "k1"
    assert verify_token(text, public_key=KEY.public_key()) == CLAIMS


def test_text_is_the_same_when_signed_again() -> None:
    texts = {sign_token(CLAIMS, kid="k1", private_key=KEY) for _ in range(3)}
    assert len(texts) == 1


def test_payload_holds_exactly_the_documented_claims_when_signed() -> None:
    payload = sign_token(CLAIMS, kid="k1", private_key=KEY).split(".")[1]
    members = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert set(members) == {
        "sub", "name", "exp", "group_id", "scep_profile", "max_uses", "jti",
    }  # fmt: skip


def test_absent_claims_stay_absent_when_never_expiring_without_scep() -> None:
    claims = EnrollmentClaims(sub="o", name="n", group_id="g", max_uses=0, jti="j")
    text = sign_token(claims, kid="k1", private_key=KEY)
    payload = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
    assert set(payload) == {"sub", "name", "group_id", "max_uses", "jti"}


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "cty"])
def test_token_is_malformed_when_its_header_has_a_foreign_member(member: str) -> None:
    assert refusal(with_header(alg="RS256", typ="JWT", kid="k1", **{member: ["x"]})) == (
        "token_malformed"
    )


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS512", "PS256", "ES256", "", 1])
def test_signature_is_invalid_when_the_algorithm_is_not_rs256(algorithm: object) -> None:
    text = with_header(alg=algorithm, typ="JWT", kid="k1")
    assert refusal(text) == "token_signature_invalid"
    with pytest.raises(TokenRefused, match="not signed with RS256"):
        decode_header(text)  # before any key is looked for


def test_signature_is_invalid_when_unsigned() -> None:
    header = encode(b'{"alg":"none","typ":"JWT","kid":"k1"}')
    payload = sign_token(CLAIMS, kid="k1", private_key=KEY).split(".")[1]
    assert refusal(f"{header}.{payload}.") == "token_signature_invalid"


def test_signature_is_invalid_when_made_by_hmac_with_the_public_key() -> None:
    pem = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    payload = sign_token(CLAIMS, kid="k1", private_key=KEY).split(".")[1]
    for algorithm in ("HS256", "RS256"):  # the second lies about what it is
        header = encode(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "k1"}).encode())
        digest = hmac.new(pem, f"{header}.{payload}".encode(), hashlib.sha256).digest()
        assert refusal(f"{header}.{payload}.{encode(digest)}") == "token_signature_invalid"


def test_signature_is_invalid_when_another_key_signed() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert refusal(sign_token(CLAIMS, kid="k1", private_key=other)) == "token_signature_invalid"


@pytest.mark.parametrize("tail", ["xxxxx", "A", ""])
def test_signature_is_invalid_when_its_end_was_changed(tail: str) -> None:
    text = sign_token(CLAIMS, kid="k1", private_key=KEY)
    assert refusal(text[:-5] + tail) == "token_signature_invalid"


def test_signature_is_invalid_when_a_claim_was_changed() -> None:
    header, payload, signature = sign_token(CLAIMS, kid="k1", private_key=KEY).split(".")
    members = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"max_uses": 0}
    changed = encode(json.dumps(members).encode())
    assert refusal(f"{header}.{changed}.{signature}") == "token_signature_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"jti": ...},
        {"sub": ...},
        {"max_uses": ...},
        {"aud": "x"},
        {"max_uses": True},
        {"max_uses": 1.0},
        {"max_uses": "1"},
        {"max_uses": -1},
        {"exp": True},
        {"exp": 1.5},
        {"exp": None},
        {"name": 5},
        {"sub": None},
        {"scep_profile": None},
        {"sid": 7},
    ],
)
def test_token_is_malformed_when_claims_or_types_differ(changes: dict[str, Any]) -> None:
    assert refusal(sign_claims(**changes)) == "token_malformed"


@pytest.mark.parametrize(
    "payload",
    [
        b'{"sub":"o","sub":"o","name":"n","group_id":"g","max_uses":0,"jti":"j"}',
        b'{"sub":"o","name":"n","group_id":"g","max_uses":NaN,"jti":"j"}',
        b'{"sub":"o","name":"n","group_id":"g","max_uses":Infinity,"jti":"j"}',
        b'{"sub":"\xff","name":"n","group_id":"g","max_uses":0,"jti":"j"}',
        b"[" * 2500,
        b"[]",
        b'"text"',
        b"",
        b"{}",
    ],
)
def test_token_is_malformed_when_its_payload_is_not_strict_json(payload: bytes) -> None:
    assert refusal(sign_bytes(payload)) == "token_malformed"


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"RS256","kid":"k1","kid":"k2"}',
        b'{"alg":"RS256","alg":"none","kid":"k1"}',
        b'{"alg":"RS256"}',
        b'{"alg":"RS256","kid":7}',
        b'{"alg":"RS256","kid":"../../etc/passwd"}',
        b'{"alg":"RS256","kid":"k\\u0000"}',
        b'{"alg":"RS256","kid":"\\ud800"}',
        b'{"alg":"RS256","kid":"k1","typ":"at+jwt"}',
        b"[" * 2900,
        b"\xff\xfe",
        b"null",
    ],
)
def test_token_is_malformed_when_its_header_is_wrong(header: bytes) -> None:
    _, payload, signature = sign_token(CLAIMS, kid="k1", private_key=KEY).split(".")
    assert refusal(f"{encode(header)}.{payload}.{signature}") == "token_malformed"


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a.b", "a.b.c.d", "a b.c.d", "ä.b.c", "eyJ", "a.b.c\n", "=.=.=", "A.A.A"],
)
def test_token_is_malformed_when_it_is_no_compact_jws(text: str) -> None:
    assert refusal(text) == "token_malformed"


def test_token_is_refused_before_decoding_when_longer_than_4_kb(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = sign_claims(name="x" * 4096)

    def fail(*args: object, **kwargs: object) -> bytes:
        raise AssertionError("decoded before its length was checked")

    monkeypatch.setattr(base64, "urlsafe_b64decode", fail)
    assert refusal(text) == "token_malformed"


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}\.\w{0,9}"))
def test_only_a_refusal_is_raised_when_the_text_is_anything(text: str) -> None:
    with pytest.raises(TokenRefused):
        verify_token(text, public_key=KEY.public_key())


@given(st.binary(max_size=200))
def test_only_a_refusal_is_raised_when_a_signed_payload_is_anything(payload: bytes) -> None:
    with pytest.raises(TokenRefused):
        verify_token(sign_bytes(payload), public_key=KEY.public_key())
