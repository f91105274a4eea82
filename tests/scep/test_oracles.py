"""What a stranger learns from answers about messages that he cannot read: nothing (S7)."""

import itertools
from typing import Any

import pytest
from asn1crypto import cms
from cryptography import x509

from scep.models import IssuedCertificate, ScepProfile
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, encrypt, make_csr, make_key
from tests.scep.reply import read_reply

pytestmark = pytest.mark.django_db
BAD_MESSAGE_CHECK = "1"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scep.services.refusals.REFUSAL_LIMIT", 10**6)


def flip(enveloped: bytes, *, position: int, bits: int) -> bytes:
    """Change one byte of the encrypted content; behind it one byte of plaintext changes alike."""
    info = cms.ContentInfo.load(enveloped)
    content = info["content"]["encrypted_content_info"]
    data = bytearray(content["encrypted_content"].native)
    data[position] ^= bits
    content["encrypted_content"] = bytes(data)
    return bytes(info.dump(force=True))


def change_vector(enveloped: bytes, *, position: int, bits: int) -> bytes:
    """Change one byte of the plaintext's first block, and nothing else."""
    info = cms.ContentInfo.load(enveloped)
    algorithm = info["content"]["encrypted_content_info"]["content_encryption_algorithm"]
    vector = bytearray(algorithm["parameters"].native)
    vector[position] ^= bits
    algorithm["parameters"] = bytes(vector)
    return bytes(info.dump(force=True))


def test_all_answers_are_the_same_when_a_recorded_request_is_changed_and_signed_anew(
    static_profile: ScepProfile, ra: x509.Certificate, client: Any, chain: Any
) -> None:
    """S7: an exponent made even would else say that the rest was decrypted well (a padding oracle).

    The victim's request is for the key 0; the attacker signs with the key 1.
    """
    csr = make_csr(make_key(), challenge=STATIC_CHALLENGE)
    recorded = encrypt(csr, recipients=[ra])
    exponent = csr.index(b"\x02\x03\x01\x00\x01") + 4
    size = len(csr) // 16 * 16
    changed = [
        recorded,
        flip(recorded, position=exponent - 16, bits=1),
        *(flip(recorded, position=size - 16 + n, bits=3) for n in range(16)),
        *(flip(recorded, position=n, bits=1) for n in range(0, len(csr) - 16, 67)),
        *(change_vector(recorded, position=n, bits=1) for n in range(16)),
        encrypt(csr, recipients=[ra], break_key=True),
        encrypt(csr, recipients=[ra], break_padding=True),
        encrypt(make_csr(make_key(exponent=3)), recipients=[ra]),
        encrypt(make_csr(make_key(bits=1024)), recipients=[ra]),
    ]
    path = f"/scep/{static_profile.public_id}?operation=PKIOperation"
    attacker = Device(key=make_key(1))
    seen = set()
    for enveloped in changed:
        response = client.post(
            path, attacker.sign(enveloped), content_type="application/x-pki-message"
        )
        reply = read_reply(response.content, chain=chain)
        seen.add((response.status_code, reply.fail_info, len(response.content)))
    ((status, fail_info, _),) = seen
    assert (status, fail_info) == (200, BAD_MESSAGE_CHECK)
    assert not IssuedCertificate.objects.exists()


def test_recorded_request_is_worth_nothing_to_another_key(
    static_profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """S3, S8: also while the device's own request is answered, and afterwards."""
    device = Device()
    enveloped = encrypt(make_csr(device.key, challenge=STATIC_CHALLENGE), recipients=[ra])
    thief = Device(key=make_key(1), transaction_id=device.transaction_id)
    for sender, status in ((thief, "2"), (device, "0"), (thief, "2"), (device, "0")):
        assert ask(static_profile, sender.sign(enveloped)).status == status
    assert IssuedCertificate.objects.count() == 1


def test_failures_take_the_same_time(
    static_profile: ScepProfile, ra: x509.Certificate, client: Any
) -> None:
    """S7, roughly: the medians of broken keys and broken paddings are not apart.

    In this thread's processor time, which other work on the machine hardly changes.
    """
    import statistics
    import time

    csr = make_csr(make_key(), challenge=STATIC_CHALLENGE)
    device = Device()
    kinds = {
        "key": [encrypt(csr, recipients=[ra], break_key=True) for _ in range(40)],
        "padding": [encrypt(csr, recipients=[ra], break_padding=True) for _ in range(40)],
    }
    messages = {kind: [device.sign(each) for each in made] for kind, made in kinds.items()}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    path = f"/scep/{static_profile.public_id}?operation=PKIOperation"
    for pair in zip(*messages.values(), strict=True):
        for kind, message in zip(kinds, pair, strict=True):
            begun = time.thread_time()
            client.post(path, message, content_type="application/x-pki-message")
            times[kind].append(time.thread_time() - begun)
    medians = [statistics.median(each) for each in times.values()]
    for one, other in itertools.permutations(medians, 2):
        assert one < 1.5 * other
