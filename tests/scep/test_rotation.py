"""A new issuing CA takes over: nobody who enrolled, enrolls or is about to enroll is lost."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.utils import timezone

from organization.models import AuditEntry
from scep.errors import AuthorityInvalid
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityState,
    IssuedCertificate,
    ScepProfile,
    ServiceCertificate,
    ServicePurpose,
)
from scep.selectors import (
    find_next_ca,
    get_ca_certificate_fingerprint,
    get_certificate,
    get_issuing_ca,
    get_root_ca,
    get_service_identity,
    list_chain,
    verify_identity,
)
from scep.services.authorities import ensure_single_authority
from scep.services.automatic_rotation import rotate_due
from scep.services.issuance import issue_identity
from scep.services.profile_signing import sign_profile
from scep.services.rotation import cancel_authority
from scep.services.service_certificates import rotate_service_certificate
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, make_key
from tests.scep.reply import decrypt_certificates, read_reply, run_openssl, write_pem
from tests.scep.rotating import ACTOR, DAY, activate, ask, get_ra, prepare

NAMES = ("-nameopt", "RFC2253")  # OpenSSL's own form has changed in 3.2


def issue() -> IssuedCertificate:
    now = timezone.now()
    return issue_identity(session_id="", token_id="", common_name="phone", now=now)[2]


def read_offer(answer: Any) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(
        run_openssl("pkcs7", "-inform", "DER", "-print_certs", stdin=answer.content)
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("key_type", "words"),
    [
        ("ec_p256", "ASN1 OID: prime256v1"),
        ("rsa_2048", "Public-Key: (2048 bit)"),
        ("rsa_4096", "Public-Key: (4096 bit)"),
    ],
)
def test_next_ca_is_strict_enough_for_openssl(key_type: str, words: str, tmp_path: Path) -> None:
    row = prepare(key_type)
    root = write_pem(tmp_path, "root.pem", get_certificate(get_root_ca()))
    issuing = write_pem(tmp_path, "issuing.pem", get_certificate(row))
    ra = write_pem(tmp_path, "ra.pem", get_ra(row))
    run_openssl("verify", "-x509_strict", "-CAfile", root, issuing)
    run_openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", issuing, ra)
    text = run_openssl("x509", "-in", issuing, "-noout", "-text", *NAMES).decode()
    assert words in text
    assert "CA:TRUE, pathlen:0" in text
    assert "CN=Example Org Issuing CA 2" in text
    assert "Public-Key: (2048 bit)" in run_openssl("x509", "-in", ra, "-noout", "-text").decode()


@pytest.mark.django_db
def test_first_issuing_ca_has_an_elliptic_curve_key_and_its_ra_an_rsa_key() -> None:
    issuing = get_certificate(get_issuing_ca()).public_key()
    ra = get_ra().public_key()
    assert type(issuing).__name__ == "ECPublicKey"
    assert type(ra).__name__ == "RSAPublicKey"


@pytest.mark.django_db
def test_nothing_changes_for_anybody_while_a_ca_is_the_next() -> None:
    before, signer = get_issuing_ca(), get_service_identity(ServicePurpose.PROFILE_SIGNING)
    row = prepare()
    assert get_issuing_ca() == before
    assert find_next_ca() == row
    assert get_ra(before) != get_ra(row)
    assert get_service_identity(ServicePurpose.PROFILE_SIGNING).certificate == signer.certificate
    assert issue().issuer == before


@pytest.mark.django_db
def test_new_identities_come_from_the_next_ca_and_old_ones_are_believed_when_it_is_active(
    static_profile: ScepProfile, tmp_path: Path
) -> None:
    old_identity, old = issue(), get_issuing_ca()
    row = activate(prepare())
    static_profile.refresh_from_db()
    assert static_profile.issuing_ca == row == get_issuing_ca()
    assert not ScepProfile.objects.filter(issuing_ca=old).exists()
    new_identity = issue()
    assert new_identity.issuer == row
    for identity in (old_identity, new_identity):
        certificate = get_certificate(identity)
        assert verify_identity(certificate, now=timezone.now()) == identity
        root = write_pem(tmp_path, "root.pem", get_certificate(get_root_ca()))
        between = write_pem(tmp_path, "ca.pem", get_certificate(identity.issuer))
        leaf = write_pem(tmp_path, "leaf.pem", certificate)
        run_openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", between, leaf)
    old.refresh_from_db()
    assert old.state == CertificateAuthorityState.RETIRED
    assert old.retired_at is not None
    assert old.private_key  # it still signs its revocation list
    actions = AuditEntry.objects.filter(action__startswith="authority.").order_by("id")
    assert [entry.action for entry in actions] == ["authority.prepare", "authority.activate"]


@pytest.mark.django_db
def test_profiles_are_signed_below_the_new_ca_when_it_is_active(tmp_path: Path) -> None:
    row = activate(prepare())
    signer = get_service_identity(ServicePurpose.PROFILE_SIGNING)
    assert signer.chain[0] == get_certificate(row)
    root = write_pem(tmp_path, "root.pem", get_certificate(get_root_ca()))
    command = ("cms", "-verify", "-binary", "-inform", "DER", "-CAfile", root)
    assert run_openssl(*command, stdin=sign_profile(b"<plist/>")) == b"<plist/>"


@pytest.mark.django_db
def test_device_that_asked_before_the_rotation_is_answered_after_it(
    static_profile: ScepProfile,
) -> None:
    """It has encrypted to the old RA, and believes answers of the old RA."""
    old_ra, old_chain = get_ra(), [get_certificate(each) for each in list_chain(get_issuing_ca())]
    device = Device()
    message = device.build_request(ra=old_ra, challenge=STATIC_CHALLENGE)
    row = activate(prepare())
    reply = read_reply(ask(static_profile, message), chain=[old_ra, *old_chain])
    assert reply.status == "0"
    (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
    leaf.verify_directly_issued_by(get_certificate(row))


@pytest.mark.django_db
@pytest.mark.parametrize("cipher", ["aes128_cbc", "3des", "des"])
def test_device_that_asked_before_the_rotation_believes_the_refusal(
    static_profile: ScepProfile, cipher: str
) -> None:
    """Also of what is refused before it is opened; but not of a cipher that nobody knows."""
    old_ra, old_chain = get_ra(), [get_certificate(each) for each in list_chain(get_issuing_ca())]
    message = Device(nonce=b"short").build_request(
        ra=old_ra, challenge=STATIC_CHALLENGE, cipher=cipher
    )
    new = activate(prepare())
    known = {"des": [get_ra(new), *(get_certificate(each) for each in list_chain(new))]}
    reply = read_reply(ask(static_profile, message), chain=known.get(cipher, [old_ra, *old_chain]))
    assert reply.status == "2"


@pytest.mark.django_db
def test_profile_downloaded_before_the_rotation_works_after_it(
    client: Any, static_profile: ScepProfile
) -> None:
    """It names the old CA (GetCACert's `message`) and has pinned its fingerprint."""
    name, pinned = get_issuing_ca().public_id, get_ca_certificate_fingerprint(static_profile)
    row = activate(prepare())
    url = f"/scep/{static_profile.public_id}?operation=GetCACert"
    offered = read_offer(client.get(f"{url}&message={name}"))
    (ca,) = [each for each in offered if bytes.fromhex(_digest(each)) == pinned]
    (ra,) = [each for each in offered if each.issuer == ca.subject]
    reply = read_reply(
        ask(static_profile, Device().build_request(ra=ra, challenge=STATIC_CHALLENGE)),
        chain=[ra, *[each for each in offered if each != ra]],
    )
    assert reply.status == "0"
    # Everybody else is offered the new CA.
    for other in ("", "anything", "ca%00", row.public_id, "ca_" + "x" * 20):
        assert get_certificate(row) in read_offer(client.get(f"{url}&message={other}"))


@pytest.mark.django_db
def test_retired_ca_is_offered_no_more_when_a_week_has_passed(
    client: Any, static_profile: ScepProfile
) -> None:
    old = get_issuing_ca()
    activate(prepare())
    long_ago = timezone.now() - 8 * DAY
    CertificateAuthority.objects.filter(pk=old.pk).update(retired_at=long_ago)
    url = f"/scep/{static_profile.public_id}?operation=GetCACert&message={old.public_id}"
    assert get_certificate(old) not in read_offer(client.get(url))


def _digest(certificate: x509.Certificate) -> str:
    from scep.protocol.certificates import encode_certificate, fingerprint

    return fingerprint(encode_certificate(certificate))


@pytest.mark.django_db
def test_cancelled_ca_leaves_nothing_and_cannot_take_over() -> None:
    before = (CertificateAuthority.objects.count(), ServiceCertificate.objects.count())
    row = prepare()
    cancel_authority(row, actor=ACTOR)
    assert (CertificateAuthority.objects.count(), ServiceCertificate.objects.count()) == before
    with pytest.raises(AuthorityInvalid, match="not the next CA"):
        activate(row)
    with pytest.raises(AuthorityInvalid, match="not the next CA"):
        cancel_authority(row, actor=ACTOR)
    assert AuditEntry.objects.filter(action="authority.cancel", subject_id=row.public_id).exists()
    assert prepare() == find_next_ca()


@pytest.mark.django_db
def test_active_ca_can_neither_be_cancelled_nor_activated() -> None:
    with pytest.raises(AuthorityInvalid, match="not the next CA"):
        cancel_authority(get_issuing_ca(), actor=ACTOR)
    with pytest.raises(AuthorityInvalid, match="not the next CA"):
        activate(get_issuing_ca())
    with pytest.raises(AuthorityInvalid, match="not the next CA"):
        activate(get_root_ca())


@pytest.mark.django_db
def test_next_ca_that_has_expired_cannot_take_over() -> None:
    row, before = prepare(), get_issuing_ca()
    CertificateAuthority.objects.filter(pk=row.pk).update(not_after=timezone.now() - DAY)
    with pytest.raises(AuthorityInvalid, match="expired"):
        activate(row)
    assert get_issuing_ca() == before


@pytest.mark.django_db
def test_preparing_is_refused_when_it_makes_no_sense() -> None:
    with pytest.raises(AuthorityInvalid, match="must be one of"):
        prepare("rsa_1024")
    with pytest.raises(AuthorityInvalid, match="lie ahead"):
        prepare(activates_at=timezone.now() - DAY)
    with pytest.raises(AuthorityInvalid, match="ends before that"):
        prepare(activates_at=get_issuing_ca().not_after)
    prepare()
    with pytest.raises(AuthorityInvalid, match="next CA already"):
        prepare()


@pytest.mark.django_db
def test_next_ca_takes_over_by_itself_when_its_moment_has_come() -> None:
    now = timezone.now()
    row = prepare(activates_at=now + DAY)
    assert rotate_due(now=now) == 0
    assert find_next_ca() == row
    assert rotate_due(now=now + 2 * DAY) == 1
    assert get_issuing_ca() == row
    assert rotate_due(now=now + 2 * DAY) == 0
    assert AuditEntry.objects.get(action="authority.activate").actor == "GuardMDM"


@pytest.mark.django_db
def test_next_ca_waits_for_an_administrator_when_it_has_no_moment() -> None:
    row = prepare()
    assert rotate_due(now=timezone.now() + 300 * DAY) == 0
    assert find_next_ca() == row


@pytest.mark.django_db
@pytest.mark.parametrize("purpose", [ServicePurpose.SCEP_RA, ServicePurpose.PROFILE_SIGNING])
def test_service_certificate_is_replaced_long_before_it_ends(purpose: ServicePurpose) -> None:
    now = timezone.now()
    row = ServiceCertificate.objects.get(purpose=purpose)
    soon = row.not_after - 179 * DAY
    assert rotate_due(now=row.not_after - 181 * DAY) == 0
    assert rotate_due(now=soon) == 2  # the other one is as old
    new = ServiceCertificate.objects.get(purpose=purpose, is_active=True)
    assert new.pk != row.pk
    assert new.not_after > now + 9 * 365 * DAY
    assert rotate_due(now=soon) == 0


@pytest.mark.django_db
def test_service_certificate_stays_when_its_ca_ends_with_it() -> None:
    now = timezone.now()
    CertificateAuthority.objects.filter(pk=get_issuing_ca().pk).update(not_after=now + 100 * DAY)
    ServiceCertificate.objects.update(not_after=now + 100 * DAY)
    assert rotate_due(now=now) == 0


@pytest.mark.django_db
def test_old_ra_still_opens_requests_when_a_new_one_answers_others(
    static_profile: ScepProfile, chain: list[x509.Certificate]
) -> None:
    old = get_ra()
    rotate_service_certificate(ServicePurpose.SCEP_RA, actor=ACTOR, now=timezone.now())
    new = get_ra()
    assert new != old
    for number, ra in enumerate((old, new)):
        device = Device(key=make_key(number))
        message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE)
        reply = read_reply(ask(static_profile, message), chain=[ra, *chain[1:]])
        assert reply.status == "0"
    assert AuditEntry.objects.filter(action="service_certificate.rotate").exists()


@pytest.mark.django_db
def test_single_certificate_ca_is_made_once_and_fit_to_encrypt_to(tmp_path: Path) -> None:
    row = ensure_single_authority(now=timezone.now())
    assert ensure_single_authority(now=timezone.now()) == row
    assert row.parent == get_root_ca()
    assert get_issuing_ca() != row
    root = write_pem(tmp_path, "root.pem", get_certificate(get_root_ca()))
    single = write_pem(tmp_path, "single.pem", get_certificate(row))
    run_openssl("verify", "-x509_strict", "-CAfile", root, single)
    text = run_openssl("x509", "-in", single, "-noout", "-text", *NAMES).decode()
    assert "Digital Signature, Key Encipherment, Certificate Sign, CRL Sign" in text
    assert "Public-Key: (2048 bit)" in text
    assert "CN=Example Org SCEP CA" in text


@pytest.mark.django_db
def test_single_certificate_ca_is_replaced_a_year_before_it_ends(
    static_profile: ScepProfile,
) -> None:
    old = ensure_single_authority(now=timezone.now())
    ScepProfile.objects.filter(pk=static_profile.pk).update(single_certificate=True, issuing_ca=old)
    CertificateAuthority.objects.filter(pk=old.pk).update(not_after=timezone.now() + 300 * DAY)
    assert rotate_due(now=timezone.now()) == 1
    static_profile.refresh_from_db()
    new = static_profile.issuing_ca
    assert new is not None
    assert new.pk != old.pk
    assert new.name == "Example Org SCEP CA 2"
    assert rotate_due(now=timezone.now()) == 0
    for number, ca in enumerate((old, new)):  # who has asked before is still understood
        device = Device(key=make_key(number))
        message = device.build_request(ra=get_certificate(ca), challenge=STATIC_CHALLENGE)
        reply = read_reply(
            ask(static_profile, message),
            chain=[get_certificate(ca), get_certificate(ca), get_certificate(get_root_ca())],
        )
        assert reply.status == "0"


@pytest.mark.django_db
def test_single_certificate_that_a_profile_has_pinned_is_offered_for_a_week(
    client: Any, static_profile: ScepProfile
) -> None:
    old = ensure_single_authority(now=timezone.now())
    ScepProfile.objects.filter(pk=static_profile.pk).update(single_certificate=True, issuing_ca=old)
    CertificateAuthority.objects.filter(pk=old.pk).update(not_after=timezone.now() + 300 * DAY)
    rotate_due(now=timezone.now())
    url = f"/scep/{static_profile.public_id}?operation=GetCACert&message={old.public_id}"
    assert client.get(url).content == bytes(old.certificate)
    long_ago = timezone.now() - 8 * DAY
    CertificateAuthority.objects.filter(pk=old.pk).update(retired_at=long_ago)
    new = ensure_single_authority(now=timezone.now())
    assert client.get(url).content == bytes(new.certificate)


@pytest.mark.django_db
def test_single_certificate_profile_keeps_its_ca_when_another_issuing_ca_takes_over(
    static_profile: ScepProfile,
) -> None:
    single = ensure_single_authority(now=timezone.now())
    ScepProfile.objects.filter(pk=static_profile.pk).update(
        single_certificate=True, issuing_ca=single
    )
    activate(prepare())
    static_profile.refresh_from_db()
    assert static_profile.issuing_ca == single
