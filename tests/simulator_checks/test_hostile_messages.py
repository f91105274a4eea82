"""The malformed pkiMessages really have the fault that they are asked to have."""

from typing import Any

import pytest
from asn1crypto import cms

from tests.simulator import CmsInvalid, build_csr, build_name, build_pki_message
from tests.simulator.cms import verify_signed_data
from tests.simulator.scep import pki_message as scep

from .conftest import Holder


@pytest.fixture
def build(registrar: Holder, device_holder: Holder) -> Any:
    csr = build_csr(device_holder.key, subject=build_name([[["CN", "x"]]]), challenge="c")

    def make(**knobs: Any) -> bytes:
        return build_pki_message(
            csr,
            recipient=registrar.certificate,
            key=device_holder.key,
            certificate=device_holder.certificate,
            **knobs,
        )

    return make


def read_attributes(message: bytes) -> dict[str, tuple[Any, ...]]:
    return verify_signed_data(message).attributes


def test_attributes_are_as_asked_when_built(build: Any) -> None:
    message = build(message_type=["19", "3"], transaction_id="t", nonce=b"short")
    attributes = read_attributes(message)
    assert set(attributes[scep.MESSAGE_TYPE]) == {"19", "3"}
    assert attributes[scep.TRANSACTION_ID] == ("t",)
    assert attributes[scep.SENDER_NONCE] == (b"short",)


def test_attribute_is_absent_when_omitted(build: Any) -> None:
    assert scep.SENDER_NONCE not in read_attributes(build(omit=[scep.SENDER_NONCE]))
    assert scep.MESSAGE_TYPE in read_attributes(build(extra_attributes=[]))


@pytest.mark.parametrize(
    "knobs",
    [
        {"corrupt_signature": True},
        {"message_digest": b"\0" * 32},
        {"signers": 2},
        {"signers": 0},
        {"certificates": ()},
        {"digest": "md5"},
        {"extra_attributes": [scep.printable(scep.MESSAGE_TYPE, "17")]},
    ],
)
def test_verifier_refuses_when_malformed(build: Any, knobs: dict[str, Any]) -> None:
    with pytest.raises(CmsInvalid):
        verify_signed_data(build(**knobs))


@pytest.mark.parametrize(
    ("cipher", "native"),
    [("aes256", "aes256_cbc"), ("des3", "tripledes_3key"), ("des", "des")],
)
def test_cipher_is_the_asked_one_when_built(build: Any, cipher: str, native: str) -> None:
    content = verify_signed_data(build(cipher=cipher, ber=True)).content
    info = cms.ContentInfo.load(content)["content"]["encrypted_content_info"]
    assert info["content_encryption_algorithm"]["algorithm"].native == native


def test_key_transport_is_oaep_when_asked(build: Any) -> None:
    content = verify_signed_data(build(key_transport="oaep")).content
    recipient = cms.ContentInfo.load(content)["content"]["recipient_infos"][0].chosen
    assert recipient["key_encryption_algorithm"]["algorithm"].native == "rsaes_oaep"
