"""Refusals over HTTP: signed failures that tell the device enough and an attacker nothing."""

from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import override_settings
from django.utils import timezone

from scep.errors import ChallengeInvalid
from scep.models import IssuedCertificate, ScepProfile
from scep.protocol.grant import ChallengeGrant
from scep.services.challenges import create_dynamic_challenge
from scep.services.profiles import create_scep_profile
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import (
    Device,
    encrypt,
    make_csr,
    make_key,
    make_self_signed,
    sign,
)
from tests.scep.malformed import make_malformed

pytestmark = pytest.mark.django_db
BAD_ALG, BAD_MESSAGE_CHECK, BAD_REQUEST, BAD_CERT_ID = "0", "1", "2", "4"
SESSION = "ses_" + "c" * 20
TOKEN = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"


def verify_test_token(challenge: str, *, scep_profile: ScepProfile, now: object) -> ChallengeGrant:
    """Stand in for the port's owner, an app above this one."""
    if challenge != TOKEN:
        raise ChallengeInvalid("the token has expired", code="token_expired")
    return ChallengeGrant(session_id=SESSION, token_id="jti-1")


def assert_refused(reply: Any, *, device: Device, fail_info: str) -> None:
    assert (reply.message_type, reply.status, reply.fail_info) == ("3", "2", fail_info)
    assert reply.transaction_id == device.transaction_id
    assert reply.enveloped == b""
    assert not IssuedCertificate.objects.exists()


@pytest.mark.parametrize("challenge", [None, "", "Tr0ub4dor&3", STATIC_CHALLENGE + " "])
def test_challenge_invalid_is_logged_when_the_static_one_is_wrong(
    static_profile: ScepProfile, ra: Any, ask: Any, refusals: list[dict[str, Any]],
    challenge: str | None,
) -> None:  # fmt: skip
    device = Device(name=SESSION)
    csr = make_csr(device.key, challenge=challenge or None, names=[SESSION])
    reply = ask(static_profile, device.build_request(ra=ra, csr=csr))
    assert_refused(reply, device=device, fail_info=BAD_REQUEST)
    (news,) = refusals
    assert (news["code"], news["session_id"]) == ("scep_challenge_invalid", SESSION)
    assert news["scep_profile"] == static_profile
    assert news["caller"].address == "127.0.0.1"
    assert STATIC_CHALLENGE not in str(news)
    assert not challenge or challenge not in news["message"]


@pytest.mark.parametrize("message_type", ["17", "19", "20"])
@pytest.mark.parametrize("whose", ["issuer", "subject"])
@pytest.mark.parametrize("name", [b"\x05\x00", b"\x30\x00"], ids=["NULL", "SEQUENCE"])
def test_message_is_refused_when_the_signers_certificate_has_a_malformed_name(
    static_profile: ScepProfile, ra: Any, ask: Any, name: bytes, whose: str, message_type: str
) -> None:
    """It is read only when it is compared: that was too late (S10)."""
    device = Device()
    certificate = make_malformed(device.key, **{whose: name})
    message = device.build_renewal(
        ra=ra,
        old=certificate,
        old_key=device.key,
        csr=make_csr(device.key, challenge=STATIC_CHALLENGE),
        message_type=message_type,
    )
    assert_refused(ask(static_profile, message), device=device, fail_info=BAD_REQUEST)


@pytest.mark.parametrize("challenge", [None, "anything"])
def test_everything_is_refused_when_no_challenge_is_configured(
    static_profile: ScepProfile, ra: Any, ask: Any, challenge: str | None
) -> None:
    ScepProfile.objects.filter(pk=static_profile.pk).update(static_challenge=None)
    device = Device()
    reply = ask(static_profile, device.build_request(ra=ra, challenge=challenge))
    assert_refused(reply, device=device, fail_info=BAD_REQUEST)


def test_dynamic_challenge_is_refused_when_it_belongs_to_another_profile(
    dynamic_profile: ScepProfile, ra: Any, ask: Any, refusals: list[dict[str, Any]]
) -> None:
    other = create_scep_profile(name="Other", challenge_type="dynamic", actor="tests")
    challenge = create_dynamic_challenge(other, session_id=SESSION, now=timezone.now())
    device = Device()
    reply = ask(dynamic_profile, device.build_request(ra=ra, challenge=challenge))
    assert_refused(reply, device=device, fail_info=BAD_REQUEST)
    assert refusals[0]["code"] == "scep_challenge_invalid"


def test_dynamic_challenge_is_refused_when_an_hour_has_passed(
    dynamic_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    made = timezone.now() - timedelta(minutes=60, seconds=1)
    challenge = create_dynamic_challenge(dynamic_profile, session_id=SESSION, now=made)
    device = Device()
    reply = ask(dynamic_profile, device.build_request(ra=ra, challenge=challenge))
    assert_refused(reply, device=device, fail_info=BAD_REQUEST)


@override_settings(SCEP_TOKEN_CHALLENGE_VERIFIER="tests.scep.test_refusals.verify_test_token")
def test_port_decides_when_the_challenge_is_a_token(
    ra: Any, ask: Any, refusals: list[dict[str, Any]]
) -> None:
    profile = create_scep_profile(name="Token", challenge_type="token", actor="tests")
    device = Device()
    reply = ask(profile, device.build_request(ra=ra, challenge="eyJ.eyJ.x"))
    assert_refused(reply, device=device, fail_info=BAD_REQUEST)
    assert refusals[0]["code"] == "token_expired"
    assert ask(profile, device.build_request(ra=ra, challenge=TOKEN)).status == "0"
    row = IssuedCertificate.objects.get()
    assert (row.session_id, row.token_id) == (SESSION, "jti-1")


@pytest.mark.parametrize(
    ("message_type", "fail_info"),
    [
        ("17", BAD_REQUEST), ("20", BAD_CERT_ID), ("1", BAD_REQUEST), ("190", BAD_REQUEST),
        ("21", BAD_REQUEST), ("22", BAD_REQUEST), ("3", BAD_REQUEST), ("019", BAD_REQUEST),
    ],
)  # fmt: skip
def test_challenge_is_worth_nothing_when_the_message_has_another_type(
    static_profile: ScepProfile, ra: Any, ask: Any, refusals: list[dict[str, Any]],
    message_type: str,
    fail_info: str,
) -> None:  # fmt: skip
    """S1: the type alone says what has to be proved (CVE-2025-44005)."""
    device = Device()
    csr = make_csr(device.key, challenge=STATIC_CHALLENGE)
    message = sign(
        encrypt(csr, recipients=[ra]),
        key=device.key,
        certificate=device.certificate,
        attributes=device.get_attributes(message_type=[core.PrintableString(message_type)]),
    )
    reply = ask(static_profile, message)
    assert_refused(reply, device=device, fail_info=fail_info)
    assert refusals[0]["code"].startswith(("scep_request_rejected", "identity_not_trusted"))


def test_answer_echoes_the_nonce_and_has_its_own(
    static_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    device = Device()
    answers = [
        ask(static_profile, device.build_request(ra=ra, challenge=challenge))
        for challenge in ("wrong", STATIC_CHALLENGE, STATIC_CHALLENGE)
    ]
    assert [answer.status for answer in answers] == ["2", "0", "0"]
    assert {answer.recipient_nonce for answer in answers} == {device.nonce}
    assert len({answer.sender_nonce for answer in answers} | {device.nonce}) == 4
    assert {len(answer.sender_nonce) for answer in answers} == {16}


@pytest.mark.parametrize(
    ("nonce", "repeated"),
    [(b"short", b"short"), (b"x" * 32, b"x" * 32), (b"", None), (b"x" * 1000, None)],
    ids=["5", "32", "none", "1000"],
)
def test_refusal_repeats_the_nonce_when_that_has_another_length(
    static_profile: ScepProfile, ra: Any, ask: Any, nonce: bytes, repeated: bytes | None
) -> None:
    device = Device(nonce=nonce)
    reply = ask(static_profile, device.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    assert_refused(reply, device=device, fail_info=BAD_REQUEST)
    assert reply.recipient_nonce == repeated


def test_request_is_refused_when_the_csr_is_for_another_key(
    static_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    device = Device()
    csr = make_csr(make_key(1), challenge=STATIC_CHALLENGE)
    reply = ask(static_profile, device.build_request(ra=ra, csr=csr))
    assert_refused(reply, device=device, fail_info=BAD_MESSAGE_CHECK)


def test_request_is_refused_when_it_asks_for_a_ca_certificate(
    static_profile: ScepProfile, ra: Any, ask: Any, refusals: list[dict[str, Any]]
) -> None:
    device = Device()
    authority = x509.BasicConstraints(ca=True, path_length=None)
    csr = make_csr(device.key, challenge=STATIC_CHALLENGE, extensions=[(authority, True)])
    reply = ask(static_profile, device.build_request(ra=ra, csr=csr))
    assert_refused(reply, device=device, fail_info=BAD_REQUEST)
    assert "CA certificate" in refusals[0]["message"]


@pytest.mark.parametrize(
    "key",
    [make_key(bits=1024), make_key(exponent=3)],
    ids=["1024 bits", "exponent 3"],
)
def test_bad_alg_is_answered_when_the_key_is_weak(
    static_profile: ScepProfile, ra: Any, ask: Any, key: Any
) -> None:
    device = Device(key=key)
    reply = ask(static_profile, device.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    assert_refused(reply, device=device, fail_info=BAD_ALG)


def test_bad_alg_is_answered_when_the_key_is_ec(
    static_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    device = Device()
    message = sign(
        encrypt(make_csr(key, challenge=STATIC_CHALLENGE), recipients=[ra]),
        key=key,
        certificate=make_self_signed(key),
        attributes=device.get_attributes(),
    )
    assert_refused(ask(static_profile, message), device=device, fail_info=BAD_ALG)


def test_request_is_refused_when_the_csr_alone_is_ec(
    static_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    """S7: what is inside is judged only once it is proved to be the signer's."""
    device = Device()
    csr = make_csr(ec.generate_private_key(ec.SECP256R1()), challenge=STATIC_CHALLENGE)
    reply = ask(static_profile, device.build_request(ra=ra, csr=csr))
    assert_refused(reply, device=device, fail_info=BAD_MESSAGE_CHECK)


@pytest.mark.parametrize(
    ("cipher", "digest"), [("3des", "sha256"), ("aes128_cbc", "sha1"), ("3des", "sha1")]
)
def test_old_algorithms_are_taken_only_when_the_profile_allows_legacy_devices(
    static_profile: ScepProfile, legacy_profile: ScepProfile, ra: Any, ask: Any,
    cipher: str,
    digest: str,
) -> None:  # fmt: skip
    device = Device()
    message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE, cipher=cipher, digest=digest)
    assert_refused(ask(static_profile, message), device=device, fail_info=BAD_ALG)
    assert ask(legacy_profile, message).status == "0"


@pytest.mark.parametrize(("cipher", "digest"), [("des", "sha256"), ("aes128_cbc", "md5")])
def test_older_algorithms_are_refused_even_when_the_profile_allows_legacy_devices(
    legacy_profile: ScepProfile, ra: Any, ask: Any, cipher: str, digest: str
) -> None:
    device = Device()
    message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE, cipher=cipher, digest=digest)
    reply = ask(legacy_profile, message)
    assert_refused(reply, device=device, fail_info=BAD_ALG)


def test_every_decryption_failure_looks_the_same(
    static_profile: ScepProfile, ra: Any, client: Any, chain: Any, refusals: list[dict[str, Any]]
) -> None:
    from tests.scep.reply import read_reply

    device = Device()
    csr = make_csr(device.key, challenge=STATIC_CHALLENGE)
    broken = [
        *(encrypt(csr, recipients=[ra], break_key=True) for _ in range(20)),
        encrypt(csr, recipients=[ra], break_padding=True),
        encrypt(b"no request at all", recipients=[ra]),
    ]
    path = f"/scep/{static_profile.public_id}?operation=PKIOperation"
    seen = set()
    for enveloped in broken:
        message = device.sign(enveloped)
        response = client.post(path, data=message, content_type="application/x-pki-message")
        reply = read_reply(response.content, chain=chain)
        seen.add((response.status_code, reply.fail_info, len(response.content)))
    assert seen == {(200, BAD_MESSAGE_CHECK, len(response.content))}
    assert {(news["code"], news["message"]) for news in refusals} == {
        (
            "scep_request_rejected",
            "the message cannot be decrypted, or holds no certificate request",
        )
    }


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cipher": "3des"}, "the cipher 3DES is not accepted"),
        ({"cipher": "des"}, "the cipher DES is not accepted"),
        ({"digest": "sha1"}, "the digest SHA-1 is not accepted"),
        ({"digest": "md5"}, "the digest MD5 is not accepted"),
    ],
)
def test_algorithm_is_called_by_its_name_when_it_is_refused(
    static_profile: ScepProfile, ra: Any, ask: Any, refusals: list[dict[str, Any]],
    changed: dict[str, Any], said: str,
) -> None:  # fmt: skip
    device = Device()
    message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE, **changed)
    assert_refused(ask(static_profile, message), device=device, fail_info="0")
    assert refusals[0]["message"] == said


@pytest.mark.parametrize(
    ("message_type", "said"),
    [("21", "21 (GetCert)"), ("22", "22 (GetCRL)"), ("019", "'019'"), ("1'<b>", '"1\'<b>"')],
)
def test_message_type_is_called_by_its_name_when_it_is_refused(
    static_profile: ScepProfile, ra: Any, ask: Any, refusals: list[dict[str, Any]],
    message_type: str, said: str,
) -> None:  # fmt: skip
    device = Device()
    message = device.build_renewal(
        ra=ra, old=device.certificate, old_key=device.key, message_type=message_type
    )
    assert_refused(ask(static_profile, message), device=device, fail_info=BAD_REQUEST)
    assert refusals[0]["message"] == f"the messageType {said} is not accepted"
