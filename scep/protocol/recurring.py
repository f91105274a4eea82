"""The signature of a sender whose earlier one is remembered: only what differs is read.

All but three values of the 1.4 KB that a device sends with each message are the same each time:
the content's digest, the moment, and the signature. So of a signature that has been read and
proved the other bytes are kept, and where those stand. What has the same bytes at the same places
would be read in the same way, for no reader looks into the three values: the digest is compared,
the moment is nobody's concern, and the signature is proved by the remembered key.

Nothing is refused here: whatever differs anywhere else is left to scep.protocol.signed_data.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from scep.errors import SignatureInvalid
from scep.protocol import der
from scep.protocol.der import Unfamiliar
from scep.protocol.signed_data import (
    MESSAGE_DIGEST_ATTRIBUTE,
    SIGNING_TIME_ATTRIBUTE,
    Signature,
    verify_bytes,
)

REMEMBERED, LONGEST = 4096, 4096
"""Signatures, and the bytes of each: 16 MB at most, and about as much for their keys."""
BEGINNING = 256
"""These bytes hold the lengths of all parts, and the certificate's serial number."""
# SHA-1 is left out: whether it may be is asked each time.
DIGESTS = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
EVERYWHERE = slice(0, None)
SET, CONTEXT_0 = bytes((der.SET,)), bytes((der.CONTEXT_0,))


@dataclass(frozen=True)
class _Pattern:
    """Where the three values stand in one sender's signatures, and all bytes between them."""

    size: int
    gaps: tuple[slice, ...]
    constant: bytes
    digest: slice
    attributes: slice
    signature: slice
    proved: Signature
    algorithm: hashes.HashAlgorithm


_patterns: dict[bytes, _Pattern] = {}


def find_proved_signer(data: bytes, *, content: bytes) -> x509.Certificate | None:
    """Return whose key signed `content`. None says nothing about right or wrong."""
    pattern = _patterns.get(data[:BEGINNING])
    if pattern is None or len(data) != pattern.size:
        return None
    if b"".join([data[gap] for gap in pattern.gaps]) != pattern.constant:
        return None
    if DIGESTS[pattern.algorithm.name](content).digest() != data[pattern.digest]:
        return None
    try:
        verify_bytes(
            SET + data[pattern.attributes],
            signature=data[pattern.signature],
            signer=pattern.proved.signer,
            algorithm_oid=pattern.proved.algorithm_oid,
            digest=pattern.algorithm,
        )
    except SignatureInvalid:
        return None
    return pattern.proved.signer


def remember_signature(data: bytes, *, proved: Signature, algorithm: hashes.HashAlgorithm) -> None:
    """Keep what the signer's next signatures have in common with this one, which was `proved`."""
    if proved.attributes is None or algorithm.name not in DIGESTS or len(data) > LONGEST:
        return
    with suppress(Unfamiliar):
        pattern = _find_pattern(data, proved=proved, algorithm=algorithm)
        if len(_patterns) >= REMEMBERED:
            _patterns.clear()
        _patterns[data[:BEGINNING]] = pattern


def _find_pattern(data: bytes, *, proved: Signature, algorithm: hashes.HashAlgorithm) -> _Pattern:
    """Raises Unfamiliar where a value stands there twice, or otherwise than it was read."""
    found = proved.attributes or {}
    # What is signed as a SET OF stands there as [0] (RFC 5652 section 5.4).
    signed = _find(CONTEXT_0 + (proved.signed_bytes or b"")[1:], data=data)
    values = [_find(proved.signature, data=data)]
    for oid in (MESSAGE_DIGEST_ATTRIBUTE, SIGNING_TIME_ATTRIBUTE):
        for element in found.get(oid, ()):
            # Both are shorter than 128 bytes: a tag, one byte of length, and the value.
            values.append(_find(element[2:], data=data, within=signed))
    order = sorted(values, key=attrgetter("start"))
    ends = [0, *(value.stop for value in order)]
    gaps = [
        slice(*gap)
        for gap in zip(ends, [*(value.start for value in order), len(data)], strict=True)
    ]
    if order[-1] is not values[0] or any(gap.stop < gap.start for gap in gaps):
        raise Unfamiliar
    return _Pattern(
        size=len(data),
        gaps=tuple(gaps),
        constant=b"".join(data[gap] for gap in gaps),
        digest=values[1],
        attributes=slice(signed.start + 1, signed.stop),
        signature=values[0],
        proved=proved,
        algorithm=algorithm,
    )


def _find(value: bytes, *, data: bytes, within: slice = EVERYWHERE) -> slice:
    """Return the one place where the value stands; raises Unfamiliar."""
    start = data.find(value, within.start, within.stop)
    if start < 0 or data.find(value, start + 1, within.stop) >= 0:
        raise Unfamiliar
    return slice(start, start + len(value))
