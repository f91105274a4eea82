"""Certificate requests: a key and a challenge are taken, ambitions are refused."""

import ipaddress
from pathlib import Path

import pytest
from asn1crypto import core
from asn1crypto.csr import CertificationRequest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from scep.errors import AlgorithmRefused, FailInfo, RequestRejected
from scep.protocol.csr import decode_csr, verify_key
from tests.scep.device import make_csr, make_key
from tests.scep.reply import run_openssl


def test_key_name_and_challenge_are_read_when_openssl_makes_the_request(tmp_path: Path) -> None:
    config = tmp_path / "req.cnf"
    config.write_text(
        "[req]\ndistinguished_name=dn\nattributes=at\nprompt=no\n"
        "[dn]\nCN=an iPad\n[at]\nchallengePassword=s\u00e9cret words\n"
    )
    der = run_openssl(
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "key.pem"),
        "-config", str(config), "-utf8", "-outform", "DER",
    )  # fmt: skip
    request = decode_csr(der, allow_sha1=False)
    assert (request.common_name, request.challenge) == ("an iPad", "s\u00e9cret words")
    assert request.public_key.key_size == 2048


def test_challenge_is_empty_when_the_request_has_none() -> None:
    assert decode_csr(make_csr(make_key()), allow_sha1=False).challenge == ""


def usage(**wanted: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**({name: False for name in names} | wanted))


@pytest.mark.parametrize(
    "extension",
    [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.BasicConstraints(ca=True, path_length=0),
        usage(key_cert_sign=True),
        usage(crl_sign=True),
        x509.SubjectAlternativeName([x509.DNSName("mdm.example.com")]),
        x509.SubjectAlternativeName([x509.DNSName("device"), x509.DNSName("mdm.example.com")]),
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]),
        x509.SubjectAlternativeName([x509.RFC822Name("ceo@example.com")]),
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier("https://example.com")]),
    ],
)
def test_request_is_refused_when_it_wants_more_than_a_device_may(
    extension: x509.ExtensionType,
) -> None:
    csr = make_csr(make_key(), extensions=[(extension, False)])
    with pytest.raises(RequestRejected) as caught:
        decode_csr(csr, allow_sha1=False)
    assert caught.value.fail_info == FailInfo.BAD_REQUEST


def resign(request: CertificationRequest, key: rsa.RSAPrivateKey) -> bytes:
    """Return the request, changed by hand, with a signature that is right again."""
    signed = request["certification_request_info"].dump(force=True)
    request["signature"] = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return bytes(request.dump(force=True))


def join(*elements: bytes) -> bytes:
    return bytes(core.Sequence(contents=b"".join(elements)).dump())


def make_with_attributes(key: rsa.RSAPrivateKey, attributes: bytes) -> bytes:
    """Return a request with these attributes, DER, and a signature that is right."""
    plain = CertificationRequest.load(make_csr(key))
    info = plain["certification_request_info"]
    tagged = core.Sequence(contents=attributes, tag_type="implicit", tag=0).dump()
    names = ("version", "subject", "subject_pk_info")
    signed = join(*(info[name].dump() for name in names), tagged)
    signature = core.OctetBitString(key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))
    return join(signed, plain["signature_algorithm"].dump(), signature.dump())


def test_attributes_that_nobody_knows_are_passed_over_however_many_values_they_have() -> None:
    values = (core.SetOf([], spec=core.Integer), core.SetOf([1, 2], spec=core.Integer))
    attributes = [
        join(core.ObjectIdentifier(f"1.2.3.{number}").dump(), each.dump())
        for number, each in enumerate(values)
    ]
    csr = make_with_attributes(make_key(), b"".join(attributes))
    assert decode_csr(csr, allow_sha1=False).common_name == "device"


@pytest.mark.parametrize("oid", ["1.2.840.113549.1.9.14", "1.3.6.1.4.1.311.2.1.14"])
def test_request_is_refused_when_a_second_list_of_extensions_wants_more(oid: str) -> None:
    key, wishes = make_key(), []
    for is_authority in (False, True):
        wish = x509.BasicConstraints(ca=is_authority, path_length=None)
        csr = CertificationRequest.load(make_csr(key, extensions=[(wish, True)]))
        wishes.append(csr["certification_request_info"]["attributes"][0])
    modest, greedy = wishes
    second = join(core.ObjectIdentifier(oid).dump(), greedy["values"].dump())
    csr = make_with_attributes(key, modest.dump() + second)
    with pytest.raises(RequestRejected, match="extensions more than once"):
        decode_csr(csr, allow_sha1=False)


def test_bad_alg_is_answered_when_the_key_is_for_another_scheme_only() -> None:
    key = make_key()
    request = CertificationRequest.load(make_csr(key))
    request["certification_request_info"]["subject_pk_info"]["algorithm"] = {
        "algorithm": "rsassa_pss"
    }
    with pytest.raises(AlgorithmRefused, match="every use"):
        decode_csr(resign(request, key), allow_sha1=False)


# CVE-2017-15361: two primes of the form k * M + 65537 ** a mod M, M the product of 126 primes.
ROCA_P = int(
    "f3e021dc0d6064af60f9cd00d1e20e6b76bc0e64b8b462fea62b14758eceec01"
    "8df23838c3a6b13f6f2184892ff5f91fd0a109053604a801d647adf789231a1d"
    "fc15b0fe45b7db73ae6ce7bb0c2106c73dd9a92a85ea5908eaf1f2fd36ecf4cb"
    "40d31b5ce82cce37fb3f03a074ef02b9289d29ccff4d419ad3682fc880b09569",
    16,
)
ROCA_Q = int(
    "c330c2042af76cc5a53c5e8c7f4fdc7c7d5e3d9724bac2c2eec689637c1951cf"
    "5cf6e089ced00447817320aba167b92295bf1223095cd4f9773199cd7d466504"
    "02dd8f9c736cbe330c100b7dfb6a4393d6c9fc3aa0dd02c0d43a3b4db90b4f8a"
    "c3c8574f34af30c289695be87c2be1d16375dfeecf81931aecb779999854024b",
    16,
)


def test_bad_alg_is_answered_when_a_broken_chip_has_made_the_key() -> None:
    key = rsa.RSAPublicNumbers(65537, ROCA_P * ROCA_Q).public_key()
    assert key.key_size == 2048
    with pytest.raises(AlgorithmRefused, match="ROCA"):
        verify_key(key)
    for number in range(3):
        assert verify_key(make_key(number).public_key())


def test_request_is_accepted_when_its_extensions_are_modest() -> None:
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage(digital_signature=True, key_encipherment=True), True),
        (x509.SubjectAlternativeName([x509.DNSName("device")]), False),
    ]
    csr = make_csr(make_key(), extensions=extensions)
    assert decode_csr(csr, allow_sha1=False).common_name == "device"


@pytest.mark.parametrize("names", [("device", "admin"), ("device\0.example.com",), ("\0",)])
def test_request_is_refused_when_its_name_is_ambiguous(names: tuple[str, ...]) -> None:
    with pytest.raises(RequestRejected):
        decode_csr(make_csr(make_key(), names=names), allow_sha1=False)


def test_request_is_refused_when_it_was_signed_by_another_key() -> None:
    honest = CertificationRequest.load(make_csr(make_key()))
    stolen = CertificationRequest.load(make_csr(make_key(1)))
    forged = CertificationRequest(
        {
            "certification_request_info": stolen["certification_request_info"],
            "signature_algorithm": honest["signature_algorithm"],
            "signature": honest["signature"],
        }
    )
    with pytest.raises(RequestRejected, match="own key") as caught:
        decode_csr(forged.dump(), allow_sha1=False)
    assert caught.value.fail_info == FailInfo.BAD_MESSAGE_CHECK


def test_sha1_is_accepted_only_when_legacy_is_allowed(tmp_path: Path) -> None:
    der = run_openssl(
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "key.pem"),
        "-subj", "/CN=old", "-sha1", "-outform", "DER",
    )  # fmt: skip
    assert decode_csr(der, allow_sha1=True).common_name == "old"
    with pytest.raises(AlgorithmRefused):
        decode_csr(der, allow_sha1=False)


def test_md5_is_refused_even_when_legacy_is_allowed(tmp_path: Path) -> None:
    der = run_openssl(
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "key.pem"),
        "-subj", "/CN=old", "-md5", "-outform", "DER",
    )  # fmt: skip
    with pytest.raises((AlgorithmRefused, RequestRejected)):
        decode_csr(der, allow_sha1=True)


@pytest.mark.parametrize(
    "key",
    [make_key(bits=1024), ec.generate_private_key(ec.SECP256R1()), make_key(exponent=3)],
    ids=["1024 bits", "EC", "exponent 3"],
)
def test_bad_alg_is_answered_when_the_key_is_weak(key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(AlgorithmRefused) as caught:
        decode_csr(make_csr(key), allow_sha1=False)
    assert caught.value.fail_info == FailInfo.BAD_ALG


def build_public_key(n: int, e: int = 65537) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(e, n).public_key()


@pytest.mark.parametrize(
    "key",
    [
        build_public_key((1 << 4103) + 1),
        build_public_key(make_key().public_key().public_numbers().n, e=(1 << 80) + 1),
        build_public_key(3 * ((1 << 2047) + 1)),
        build_public_key(997 * ((1 << 2040) + 9)),
    ],
    ids=["4104 bits", "huge exponent", "divisible by 3", "divisible by 997"],
)
def test_key_is_refused_when_it_is_too_large_or_has_small_factors(key: rsa.RSAPublicKey) -> None:
    with pytest.raises(AlgorithmRefused):
        verify_key(key)


def test_key_is_refused_when_the_profile_asks_for_a_longer_one() -> None:
    with pytest.raises(AlgorithmRefused):
        decode_csr(make_csr(make_key()), allow_sha1=False, min_key_bits=4096)
