"""Finding a certificate among a million: by its own numbers, its subject, or its device."""

import re
from collections.abc import Collection, Iterator

from django.db.models import F, Q, QuerySet

from scep.models import CertificateAuthority, IssuedCertificate
from scep.protocol.names import escape_word
from scep.selectors import filter_by_token

MOST = 1000  # hits of one kind; who gets that many has to say more
WORDS = 8
HEXADECIMAL = re.compile(r"[0-9a-f]{4,64}")
TOKEN_ID = re.compile(r"[0-9a-f-]{36}")
AFTER_HEXADECIMAL = "g"  # sorts behind every hexadecimal digit


def find_certificate_ids(text: str, *, device_ids: Collection[str] = ()) -> set[int]:
    """Return the numeric keys of at most MOST certificates a kind that match `text`.

    A serial number or fingerprint matches by its beginning, with or without colons; public ids
    match whole; of a subject, every word must occur. Those of `device_ids` are found as well.
    Each kind is a query of its own that one index answers: together, they would read every row.
    """
    found: set[int] = set()
    for rows in _search(text.strip()):
        found.update(rows[:MOST])
    if device_ids:
        found.update(_get_keys().filter(device_id__in=device_ids)[:MOST])
    return found


def _search(text: str) -> "Iterator[QuerySet[IssuedCertificate, int]]":
    rows = _get_keys()
    digits = re.sub(r"[\s:]", "", text).lower()
    if HEXADECIMAL.fullmatch(digits):
        number = digits.lstrip("0") or "0"
        issuers = CertificateAuthority.objects.order_by().values_list("pk", flat=True)
        yield rows.filter(issuer__in=list(issuers), **_begin("serial", number))
        yield rows.filter(**_begin("fingerprint", digits))
    for column in ("public_id", "session_id", "token_id", "device_id"):
        yield rows.filter(**{column: text})
    if TOKEN_ID.fullmatch(text):
        yield filter_by_token(rows, text)
    subject = Q()
    for word in text.split()[:WORDS]:
        # A name's own commas are escaped where it is stored; those between its parts are not.
        ways = {word, escape_word(word)}
        subject &= Q(*(Q(subject__icontains=way) for way in ways), _connector=Q.OR)
    # Ordered by an expression, so that the key's index is no temptation to read whole rows.
    yield rows.annotate(newest=-F("pk")).order_by("newest").filter(subject)


def _get_keys() -> "QuerySet[IssuedCertificate, int]":
    return IssuedCertificate.objects.order_by().values_list("pk", flat=True)


def _begin(column: str, start: str) -> dict[str, str]:
    return {f"{column}__gte": start, f"{column}__lt": start + AFTER_HEXADECIMAL}
