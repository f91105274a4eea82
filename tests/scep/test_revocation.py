"""Revocation lists over HTTP, as openssl reads them."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from django.db import connection
from django.test import Client
from django.utils import timezone

from scep.errors import AuthorityInvalid, RevocationReasonInvalid
from scep.models import (
    CertificateAuthority,
    CertificateStatus,
    IssuedCertificate,
    RevocationList,
    ServiceCertificate,
    ServicePurpose,
)
from scep.protocol.revocation_reasons import CODES, REASONS
from scep.selectors import build_links, get_certificate, get_issuing_ca, get_root_ca
from scep.services.issuance import revoke_certificate
from scep.services.ocsp import ensure_ocsp_signer
from scep.services.revocation import LIFETIME, ensure_crl, revoke_service_certificate
from scep.services.rotation import cancel_authority
from scep.services.sweep import ORPHAN_AGE, revoke_orphans
from scep.tasks import rebuild_revocation_list, refresh_revocation
from scep.views import pki
from tests import plain_http
from tests.scep.asking import get_chain, issue
from tests.scep.relying_party import build_request, check_with_lists, describe_list
from tests.scep.rotating import ACTOR, prepare

pytestmark = pytest.mark.django_db(transaction=True)
REVOKED = "certificate revoked"
Download = Callable[[CertificateAuthority], bytes]


@pytest.fixture
def download(live_server: Any) -> Download:
    """Fetch a CA's list from the running server."""

    def get(authority: CertificateAuthority) -> bytes:
        answer = plain_http.get(f"{live_server.url}/pki/crl/{authority.public_id}.crl")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pkix-crl")
        return answer.content

    return get


def revoke(row: IssuedCertificate, reason: str = "superseded") -> None:
    revoke_certificate(row, reason=reason, now=timezone.now())


def test_revocation_stands_when_its_task_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = issue()

    def fail(*arguments: Any, **options: Any) -> None:
        raise ValueError("a file of the broker's is damaged")

    monkeypatch.setattr(rebuild_revocation_list, "apply_async", fail)
    revoke(row)
    row.refresh_from_db()
    assert row.status == CertificateStatus.REVOKED


def read_number(der: bytes) -> int:
    extensions = x509.load_der_x509_crl(der).extensions
    return extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def read_serials(der: bytes) -> set[int]:
    return {entry.serial_number for entry in x509.load_der_x509_crl(der)}


def test_openssl_refuses_a_certificate_when_it_was_revoked(
    download: Download, tmp_path: Path
) -> None:
    """S12: and does not refuse the others; -crl_check_all also wants the root's list."""
    good, bad = issue(), issue()
    revoke(bad, "key_compromise")
    lists = [download(get_issuing_ca()), download(get_root_ca())]
    for check in ("-crl_check", "-crl_check_all"):
        for row, expected in ((good, "OK"), (bad, REVOKED)):
            found = check_with_lists(
                get_certificate(row), chain=get_chain(), lists=lists, folder=tmp_path, check=check
            )
            assert found == expected
    found = check_with_lists(
        get_certificate(good), chain=get_chain(), lists=lists[:1], folder=tmp_path,
        check="-crl_check_all",
    )  # fmt: skip
    assert found == "unable to get certificate CRL"


def test_list_says_all_that_rfc_5280_wants_when_openssl_reads_it(
    download: Download, tmp_path: Path
) -> None:
    rows = {reason: issue() for reason in REASONS}
    for reason, row in rows.items():
        revoke(row, reason)
    issuer = get_chain()[0]
    before = int(timezone.now().timestamp())
    der = download(get_issuing_ca())
    text = describe_list(der, issuer=issuer, folder=tmp_path)
    assert "Version 2" in text
    assert "X509v3 CRL Number" in text
    assert abs(read_number(der) - before) < 60
    key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert key.hex(":").upper() in text.split("X509v3 Authority Key Identifier")[1]
    listed = x509.load_der_x509_crl(der)
    assert listed.next_update_utc is not None
    assert listed.next_update_utc - listed.last_update_utc == timedelta(days=7)
    assert abs(listed.last_update_utc - datetime.now(UTC)) < timedelta(minutes=1)
    for reason, row in rows.items():
        entry = listed.get_revoked_certificate_by_serial_number(int(row.serial, 16))
        assert entry is not None
        row.refresh_from_db()
        assert row.revoked_at is not None
        assert entry.revocation_date_utc == row.revoked_at.replace(microsecond=0)
        found = [e.value.reason for e in entry.extensions if isinstance(e.value, x509.CRLReason)]
        assert found == ([] if reason == "unspecified" else [REASONS[reason]])


def test_reason_codes_are_those_of_the_standard() -> None:
    assert set(CODES) == set(REASONS)
    for reason, flag in REASONS.items():
        der = x509.CRLReason(flag).public_bytes()
        assert der[-1] == CODES[reason]


@pytest.mark.parametrize(
    "reason", ["", "Superseded", "certificateHold", "remove_from_crl", "x" * 99]
)
def test_certificate_stays_valid_when_the_reason_is_none(reason: str) -> None:
    row = issue()
    with pytest.raises(RevocationReasonInvalid):
        revoke(row, reason)
    row.refresh_from_db()
    assert row.status == CertificateStatus.ISSUED


def test_list_is_the_same_until_something_is_revoked(download: Download) -> None:
    authority = get_issuing_ca()
    first = download(authority)
    assert download(authority) == first
    row = issue()
    revoke(row)
    second = download(authority)
    assert read_number(second) > read_number(first)
    assert read_serials(second) - read_serials(first) == {int(row.serial, 16)}
    revoke(row, "key_compromise")  # again: changes nothing about the certificate
    assert read_serials(download(authority)) == read_serials(second)


def test_list_of_another_ca_is_left_alone_when_one_revokes(download: Download) -> None:
    root = download(get_root_ca())
    revoke(issue())
    assert download(get_root_ca()) == root


def test_list_is_made_anew_at_half_of_its_life() -> None:
    authority, now = get_issuing_ca(), timezone.now()
    first = ensure_crl(authority, now=now)
    kept = ensure_crl(authority, now=now + LIFETIME / 2 - timedelta(minutes=1))
    assert kept.number == first.number
    later = now + LIFETIME / 2 + timedelta(minutes=1)
    anew = ensure_crl(authority, now=later)
    assert anew.number > first.number
    assert anew.next_update == later.replace(microsecond=0) + LIFETIME


def test_last_list_stays_when_its_ca_is_over() -> None:
    authority, now = get_issuing_ca(), timezone.now()
    last = ensure_crl(authority, now=now)
    kept = ensure_crl(authority, now=authority.not_after)
    assert (kept.number, kept.next_update) == (last.number, last.next_update)


def test_schedule_keeps_every_list_and_ocsp_certificate(download: Download) -> None:
    RevocationList.objects.all().delete()
    refresh_revocation()
    with_key = CertificateAuthority.objects.filter(private_key__isnull=False)
    assert RevocationList.objects.filter(is_stale=False).count() == with_key.count()
    numbers = dict(RevocationList.objects.values_list("authority_id", "number"))
    refresh_revocation()
    assert dict(RevocationList.objects.values_list("authority_id", "number")) == numbers
    revoke(issue())
    refresh_revocation()
    changed = {
        pk
        for pk, number in RevocationList.objects.values_list("authority_id", "number")
        if number != numbers[pk]
    }
    assert changed == {get_issuing_ca().pk}


def test_schedule_goes_on_when_the_next_ca_was_cancelled_in_the_meantime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone, issuing = prepare(), get_issuing_ca()
    cancel_authority(gone, actor=ACTOR)
    monkeypatch.setattr("scep.tasks.list_signing_authorities", lambda: [gone, issuing])
    refresh_revocation()
    assert RevocationList.objects.get().authority == issuing


def test_number_only_grows_when_the_clock_is_set_back() -> None:
    authority, now = get_issuing_ca(), timezone.now()
    ahead = ensure_crl(authority, now=now + timedelta(days=30))
    back = ensure_crl(authority, now=now)
    assert back.this_update == now.replace(microsecond=0)
    assert back.number == ahead.number + 1


def test_entry_stays_for_one_list_after_the_certificate_has_expired(download: Download) -> None:
    """S12 and RFC 5280 section 3.3."""
    row, now = issue(), timezone.now()
    revoke(row)
    serial = int(row.serial, 16)
    authority = get_issuing_ca()
    row.refresh_from_db()
    just_after = ensure_crl(authority, now=row.not_after + timedelta(days=1))
    assert serial in read_serials(bytes(just_after.der or b""))
    long_after = ensure_crl(authority, now=row.not_after + LIFETIME + timedelta(days=1))
    assert serial not in read_serials(bytes(long_after.der or b""))
    assert now < row.not_after


def test_intent_that_became_no_certificate_is_listed(download: Download) -> None:
    """S12: something may have been signed."""
    row = issue()
    IssuedCertificate.objects.filter(pk=row.pk).update(
        status=CertificateStatus.INTENDED, certificate=None, fingerprint=None
    )
    download(get_issuing_ca())
    assert revoke_orphans(now=timezone.now() + ORPHAN_AGE + timedelta(minutes=1)) == 1
    assert int(row.serial, 16) in read_serials(download(get_issuing_ca()))


def test_revoked_certificate_of_this_server_is_listed(download: Download) -> None:
    authority = get_issuing_ca()
    first = ensure_ocsp_signer(authority, now=timezone.now())
    assert int(first.serial, 16) not in read_serials(download(authority))
    revoke_service_certificate(
        first, reason="key_compromise", now=timezone.now(), actor="a@example.com"
    )
    assert int(first.serial, 16) in read_serials(download(authority))
    second = ensure_ocsp_signer(authority, now=timezone.now())
    assert (second.purpose, second.pk != first.pk) == (ServicePurpose.OCSP_SIGNING, True)


def test_certificate_that_a_cancelled_ca_took_along_is_refused_with_a_reason() -> None:
    """Two administrators at once."""
    ahead = prepare()
    ra = ServiceCertificate.objects.select_related("issuer").get(issuer=ahead)
    cancel_authority(ahead, actor=ACTOR)
    with pytest.raises(AuthorityInvalid, match="was cancelled"):
        revoke_service_certificate(ra, reason="superseded", now=timezone.now(), actor=ACTOR)
    assert not RevocationList.objects.filter(authority_id=ahead.pk).exists()


@pytest.mark.parametrize("door", ["ensure_crl", "answer_ocsp"])
def test_nobody_meets_a_traceback_when_the_ca_is_cancelled_while_it_answers(
    monkeypatch: pytest.MonkeyPatch, client: Client, door: str
) -> None:
    ahead, answer = prepare(), getattr(pki, door)
    ra = ServiceCertificate.objects.get(issuer=ahead)
    question = build_request([(get_certificate(ra), get_certificate(ahead))])

    def cancel_first(*args: Any, **options: Any) -> Any:
        cancel_authority(ahead, actor=ACTOR)
        return answer(*args, **options)

    monkeypatch.setattr(pki, door, cancel_first)
    if door == "ensure_crl":
        reply = client.get(f"/pki/crl/{ahead.public_id}.crl")
    else:
        reply = client.post(
            f"/pki/ocsp/{ahead.public_id}", question, content_type="application/ocsp-request"
        )
    assert reply.status_code == 404


def test_retired_ca_still_lists_what_it_revokes(download: Download, tmp_path: Path) -> None:
    row, authority = issue(), get_issuing_ca()
    chain = get_chain()
    CertificateAuthority.objects.filter(pk=authority.pk).update(state="retired")
    revoke(row)
    found = check_with_lists(
        get_certificate(row), chain=chain, lists=[download(authority)], folder=tmp_path
    )
    assert found == REVOKED


def test_every_revocation_is_listed_when_many_happen_while_lists_are_made(
    download: Download,
) -> None:
    """A list that was being made while somebody revoked is made again."""
    rows = [issue() for _ in range(12)]
    authority = get_issuing_ca()
    failed: list[BaseException] = []

    def work(each: list[IssuedCertificate]) -> None:
        try:
            for row in each:
                revoke(row)
                serials = read_serials(bytes(ensure_crl(authority, now=timezone.now()).der or b""))
                assert int(row.serial, 16) in serials
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(rows[part::4],)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert {int(row.serial, 16) for row in rows} <= read_serials(download(authority))


def test_list_is_not_sent_again_when_the_client_has_it(live_server: Any) -> None:
    url = f"{live_server.url}/pki/crl/{get_issuing_ca().public_id}.crl"
    first = plain_http.get(url)
    assert "max-age=300" in first.headers["cache-control"]
    assert not {"set-cookie", "content-security-policy", "vary"} & set(first.headers)
    again = plain_http.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    since = plain_http.get(url, headers={"If-Modified-Since": first.headers["last-modified"]})
    assert since.status_code == 304
    revoke(issue())
    changed = plain_http.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert httpx.head(url).headers["content-length"] == str(len(changed.content))


def test_list_is_sent_to_who_asks_by_date_when_another_one_was_made_in_the_same_second(
    live_server: Any,
) -> None:
    url = f"{live_server.url}/pki/crl/{get_issuing_ca().public_id}.crl"
    for _ in range(3):
        first, row = httpx.get(url), issue()
        revoke(row)
        dated = {"If-Modified-Since": first.headers["last-modified"]}
        second = httpx.get(url, headers=dated)
        assert second.status_code == 200
        assert int(row.serial, 16) in read_serials(second.content)
        told = parsedate_to_datetime(second.headers["last-modified"])
        assert told <= timezone.now()  # RFC 9110 section 8.8.2.1


def test_ca_certificate_is_where_its_certificates_say(live_server: Any) -> None:
    row, authority = issue(), get_issuing_ca()
    links = build_links(authority)
    access = get_certificate(row).extensions.get_extension_for_class(
        x509.AuthorityInformationAccess
    )
    urls = {each.access_location.value for each in access.value}
    assert urls == {links.ocsp, links.certificate}
    path = re.sub("^https?://[^/]+", "", links.certificate)
    answer = plain_http.get(live_server.url + path)
    assert answer.headers["content-type"] == "application/pkix-cert"
    assert x509.load_der_x509_certificate(answer.content) == get_certificate(authority)


@pytest.mark.parametrize(
    "name", ["ca_unknown", "ca_" + "2" * 20, "1", "%00", "ca_%00", "..%2f..", "%ff%fe", "x" * 3000]
)
def test_unknown_ca_is_not_found(live_server: Any, name: str) -> None:
    for path in (f"crl/{name}.crl", f"ca/{name}.cer", f"ocsp/{name}", f"ocsp/{name}/MEo"):
        assert plain_http.get(f"{live_server.url}/pki/{path}").status_code == 404


def test_external_ca_has_no_list_here(live_server: Any) -> None:
    authority = get_issuing_ca()
    CertificateAuthority.objects.filter(pk=authority.pk).update(role="external", private_key=None)
    for path in (f"crl/{authority.public_id}.crl", f"ca/{authority.public_id}.cer"):
        assert plain_http.get(f"{live_server.url}/pki/{path}").status_code == 404


def test_other_methods_are_refused(live_server: Any) -> None:
    name = get_issuing_ca().public_id
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        for path in (f"crl/{name}.crl", f"ca/{name}.cer", f"ocsp/{name}"):
            assert plain_http.request(method, f"{live_server.url}/pki/{path}").status_code == 405
