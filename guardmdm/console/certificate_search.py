"""Finding a certificate among a million: by its own numbers, its subject, or its device."""

import re
from collections.abc import Iterable

from django.db.models import F, Q, QuerySet

from devices.models import Device
from scep.models import CertificateAuthority, IssuedCertificate

MOST = 1000  # hits of one kind; who gets that many has to say more
MOST_DEVICES = 200
WORDS = 8
HEXADECIMAL = re.compile(r"[0-9a-f]{4,64}")
AFTER_HEXADECIMAL = "g"  # sorts behind every hexadecimal digit


def find_certificate_ids(text: str) -> set[int]:
    """Return the numeric keys of at most MOST certificates a kind that match `text`.

    A serial number or fingerprint matches by its beginning, with or without colons; public ids
    match whole; of a subject or a device (name, serial number, UDID, owner), every word must occur.
    Each kind is a query of its own that one index answers: together, they would read every row.
    """
    words = text.split()[:WORDS]
    return set().union(*(list(rows[:MOST]) for rows in _search(text.strip(), words=words)))


def _search(text: str, *, words: list[str]) -> Iterable["QuerySet[IssuedCertificate, int]"]:
    rows = IssuedCertificate.objects.order_by().values_list("pk", flat=True)
    digits = re.sub(r"[\s:]", "", text).lower()
    if HEXADECIMAL.fullmatch(digits):
        number = digits.lstrip("0") or "0"
        issuers = CertificateAuthority.objects.order_by().values_list("pk", flat=True)
        yield rows.filter(issuer__in=list(issuers), **_begin("serial", number))
        yield rows.filter(**_begin("fingerprint", digits))
    for column in ("public_id", "session_id", "token_id"):
        yield rows.filter(**{column: text})
    devices = list(_find_devices(words))
    if devices:
        yield rows.filter(device_id__in=devices)
    # Ordered by an expression, so that the key's index is no temptation to read whole rows.
    newest = rows.annotate(newest=-F("pk")).order_by("newest")
    yield newest.filter(_every_word(words, columns=("subject",)))


def _begin(column: str, start: str) -> dict[str, str]:
    return {f"{column}__gte": start, f"{column}__lt": start + AFTER_HEXADECIMAL}


def _find_devices(words: list[str]) -> "QuerySet[Device, str]":
    matches = _every_word(words, columns=("name", "serial_number", "udid", "owner"))
    return (
        Device.objects.order_by().filter(matches).values_list("public_id", flat=True)[:MOST_DEVICES]
    )


def _every_word(words: list[str], *, columns: tuple[str, ...]) -> Q:
    found = Q()
    for word in words:
        matches = Q()
        for column in columns:
            matches |= Q(**{f"{column}__icontains": word})
        found &= matches
    return found
