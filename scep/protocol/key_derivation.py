"""How long it takes to try the password of a file: whoever made the file has chosen that.

Computing it holds up every other request of this process, so it is looked at before.
"""

import math
from collections.abc import Iterator

from asn1crypto import algos, keys, pem, pkcs12

from scep.errors import BundleInvalid
from scep.protocol.reading import refusing

MAX_ROUNDS = 5_000_000
"""Of all the passwords in the file; half a second of PKCS#12's own rounds, which are the slowest.

OWASP asks for 600,000 of PBKDF2.
"""
MAX_SCRYPT_BYTES = 256 * 1024 * 1024
ENCRYPTED_KEY = "ENCRYPTED PRIVATE KEY"
NEITHER = (
    "This is neither PEM nor PKCS#12, or the password is wrong. A certificate in DER (.cer) has to "
    "be converted first: openssl x509 -inform der."
)
TOO_COSTLY = (
    "The file's password is protected by more rounds than this server computes. Encrypt it again "
    "with fewer, such as openssl's 2048."
)


def check_pkcs12_cost(data: bytes) -> None:
    """Raise BundleInvalid where reading the PKCS#12 file would take too long."""
    with refusing(BundleInvalid, NEITHER):
        package = pkcs12.Pfx.load(data)
        mac = package["mac_data"].native
        rounds = [mac["iterations"]] if mac else []
        _check_sum(rounds + [_count_rounds(each) for each in _list_algorithms(package)])


def check_key_cost(data: bytes) -> None:
    """Raise BundleInvalid where reading the private key, PEM, would take too long."""
    with refusing(BundleInvalid, "The private key cannot be read, or the password is wrong."):
        kind, _, der = pem.unarmor(data)
        if kind == ENCRYPTED_KEY:
            algorithm = keys.EncryptedPrivateKeyInfo.load(der)["encryption_algorithm"]
            _check_sum([_count_rounds(algorithm)])


def _check_sum(rounds: list[int]) -> None:
    if sum(rounds) > MAX_ROUNDS:
        raise BundleInvalid(TOO_COSTLY)


def _list_algorithms(package: pkcs12.Pfx) -> Iterator[algos.EncryptionAlgorithm]:
    for content in package.authenticated_safe:
        if content["content_type"].native == "encrypted_data":
            yield content["content"]["encrypted_content_info"]["content_encryption_algorithm"]
        elif content["content_type"].native == "data":
            for bag in pkcs12.SafeContents.load(content["content"].native):
                if bag["bag_id"].native == "pkcs8_shrouded_key_bag":
                    yield bag["bag_value"]["encryption_algorithm"]


def _count_rounds(algorithm: algos.EncryptionAlgorithm) -> int:
    """Return PBKDF2's or PKCS#12's rounds; scrypt (RFC 7914) has factors, which are memory."""
    if algorithm["algorithm"].native != "pbes2":
        return int(algorithm["parameters"]["iterations"].native)
    function = algorithm["parameters"]["key_derivation_func"]
    if function["algorithm"].native == "pbkdf2":
        return int(function["parameters"]["iteration_count"].native)
    _, cost, block, *others = function["parameters"].native.values()
    factors = [cost, block, *(each for each in others if isinstance(each, int))]
    if any(each <= 0 for each in factors) or 128 * math.prod(factors) > MAX_SCRYPT_BYTES:
        raise BundleInvalid(TOO_COSTLY)
    return 0
