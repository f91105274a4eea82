"""The SCEP endpoint: what it offers, and what it answers to nonsense."""

import random
from typing import Any

import pytest
from cryptography import x509
from django.db import OperationalError
from django.test import Client

from scep.models import HeldRequest, IssuedCertificate, ScepProfile
from scep.services.challenges import check_challenge
from scep.services.profiles import delete_scep_profile
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device
from tests.scep.reply import run_openssl

pytestmark = pytest.mark.django_db
STRONG = {"POSTPKIOperation", "Renewal", "SHA-256", "SHA-512", "AES", "SCEPStandard"}


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse one address as often as it likes."""
    monkeypatch.setattr("scep.services.refusals.REFUSAL_LIMIT", 10**6)


def test_capabilities_are_exactly_what_is_accepted(
    client: Client, static_profile: ScepProfile, legacy_profile: ScepProfile
) -> None:
    for profile, expected in (
        (static_profile, STRONG),
        (legacy_profile, STRONG | {"SHA-1", "DES3"}),
    ):
        for query in ("operation=GetCACaps", "operation=GetCACaps&message=My%20CA"):
            response = client.get(f"/scep/{profile.public_id}?{query}")
            assert response.status_code == 200
            assert response["Content-Type"].startswith("text/plain")
            assert set(response.content.decode().split()) == expected


@pytest.mark.parametrize("session", ["", "/ses_" + "c" * 20])
@pytest.mark.parametrize("appended", ["/", "/cgi-bin/pkiclient.exe"])
def test_answer_is_the_same_when_the_client_appends_what_it_is_used_to(
    client: Client, static_profile: ScepProfile, ra: x509.Certificate, session: str, appended: str
) -> None:
    url = f"/scep/{static_profile.public_id}{session}{appended}"
    assert set(client.get(f"{url}?operation=GetCACaps").content.decode().split()) == STRONG
    message = Device().build_request(ra=ra, challenge=STATIC_CHALLENGE)
    client.post(f"{url}?operation=PKIOperation", message, content_type="application/x-pki-message")
    assert IssuedCertificate.objects.filter(scep_profile=static_profile).exists()


@pytest.mark.parametrize("message", ["", "&message=", "&message=My%20CA", "&message=ca%00"])
def test_ra_and_cas_are_returned_when_asked_for(
    client: Client, static_profile: ScepProfile, chain: list[x509.Certificate], message: str
) -> None:
    response = client.get(f"/scep/{static_profile.public_id}?operation=GetCACert{message}")
    assert response["Content-Type"] == "application/x-x509-ca-ra-cert"
    text = run_openssl("pkcs7", "-inform", "DER", "-print_certs", stdin=response.content)
    assert set(x509.load_pem_x509_certificates(text)) == set(chain)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_held", [False, True], ids=["issued at once", "held"])
def test_nobody_meets_an_error_when_the_profile_is_deleted_while_it_is_asked(
    is_held: bool,
    client: Client,
    static_profile: ScepProfile,
    ra: x509.Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ScepProfile.objects.update(hold_for_approval=is_held)

    def check_then_delete(*arguments: Any, **options: Any) -> Any:
        grant = check_challenge(*arguments, **options)
        delete_scep_profile(static_profile, actor="an administrator at the same moment")
        return grant

    monkeypatch.setattr("scep.services.enrollment_request.check_challenge", check_then_delete)
    answer = client.post(
        f"/scep/{static_profile.public_id}?operation=PKIOperation",
        Device().build_request(ra=ra, challenge=STATIC_CHALLENGE),
        content_type="application/x-pki-message",
    )
    assert (answer.status_code, answer.content) == (404, b"There is no such SCEP profile.")
    assert not IssuedCertificate.objects.exists()
    assert not HeldRequest.objects.exists()


def test_decrypting_key_is_not_the_cas(chain: list[x509.Certificate]) -> None:
    keys = {certificate.public_key().public_numbers() for certificate in chain}  # type: ignore[union-attr]
    assert len(keys) == 3
    usages = [c.extensions.get_extension_for_class(x509.KeyUsage).value for c in chain]
    assert [usage.key_encipherment for usage in usages] == [True, False, False]
    assert [usage.key_cert_sign for usage in usages] == [False, True, True]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("operation=", 400),
        ("operation=GetNextCACert", 400),
        ("operation=getcacaps", 400),
        ("operation=PKIOperation", 400),
        ("operation=PKIOperation&message=%%%", 400),
        ("operation=PKIOperation&message=AAAA", 400),
        ("operation=PKIOperation&message=" + "A" * 9000, 400),
    ],
)
def test_query_is_answered_with_a_reason_when_nothing_can_be_signed_for(
    client: Client, static_profile: ScepProfile, query: str, status: int
) -> None:
    response = client.get(f"/scep/{static_profile.public_id}", QUERY_STRING=query)
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/plain")
    assert len(response.content) > 10


@pytest.mark.parametrize("operation", ["GetCACaps", "GetCACert", "PKIOperation", ""])
def test_profile_is_not_found_when_its_id_is_unknown(client: Client, operation: str) -> None:
    for profile_id in ("scep_unknown", "\u00e4", "1", "%00", "scep_" + 20 * "a"):
        response = client.get(f"/scep/{profile_id}?operation={operation}")
        assert response.status_code == 404


def test_methods_other_than_get_and_post_are_refused(
    client: Client, static_profile: ScepProfile
) -> None:
    for method in (client.put, client.delete, client.patch):
        assert method(f"/scep/{static_profile.public_id}?operation=GetCACaps").status_code == 405


@pytest.mark.parametrize(("size", "status"), [(0, 400), (65536, 400), (65537, 413)])
def test_body_is_refused_when_it_is_empty_or_larger_than_64_kb(
    client: Client, static_profile: ScepProfile, size: int, status: int
) -> None:
    response = client.post(
        f"/scep/{static_profile.public_id}?operation=PKIOperation",
        data=b"x" * size,
        content_type="application/x-pki-message",
    )
    assert response.status_code == status


def test_device_needs_no_csrf_token(static_profile: ScepProfile) -> None:
    response = Client(enforce_csrf_checks=True).post(
        f"/scep/{static_profile.public_id}?operation=PKIOperation",
        data=b"x",
        content_type="application/x-pki-message",
    )
    assert response.status_code == 400


def test_device_is_told_to_come_back_when_the_database_is_down(
    client: Client, static_profile: ScepProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OperationalError("could not connect to server")

    monkeypatch.setattr("django.db.models.sql.compiler.SQLCompiler.execute_sql", fail)
    response = client.get(f"/scep/{static_profile.public_id}?operation=GetCACaps")
    assert (response.status_code, response["Retry-After"]) == (503, "30")


@pytest.mark.usefixtures("patience")
def test_certificate_is_issued_to_nobody_when_messages_are_mutated(
    client: Client, static_profile: ScepProfile, ra: x509.Certificate
) -> None:
    """Flipped, cut, grown and shuffled messages: a 4xx or a signed failure, nothing else."""
    chance = random.Random(20240601)
    device = Device()
    message = device.build_request(ra=ra, challenge="wrong challenge")
    path = f"/scep/{static_profile.public_id}?operation=PKIOperation"
    for _ in range(400):
        mutated = mutate(message, chance=chance)
        response = client.post(path, data=mutated, content_type="application/x-pki-message")
        assert response.status_code in (200, 400)
    assert not IssuedCertificate.objects.exists()


def mutate(message: bytes, *, chance: random.Random) -> bytes:
    """Return another message: a mutation that happens to change nothing is made again."""
    mutant = message
    while mutant == message:
        mutant = mutate_at_random(message, chance=chance)
    return mutant


def mutate_at_random(message: bytes, *, chance: random.Random) -> bytes:
    data = bytearray(message)
    kind = chance.randrange(5)
    start = chance.randrange(len(data))
    if kind == 0:
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif kind == 1:
        del data[start:]
    elif kind == 2:
        del data[start : start + chance.randrange(1, 40)]
    elif kind == 3:
        data[start:start] = chance.randbytes(chance.randrange(1, 40))
    else:
        end = chance.randrange(len(data))
        data[start:start] = data[min(start, end) : max(start, end)]
    return bytes(data)


@pytest.mark.usefixtures("patience")
def test_mutated_requests_inside_the_envelope_are_refused(
    client: Client, static_profile: ScepProfile, ra: x509.Certificate
) -> None:
    from tests.scep.device import encrypt, make_csr

    chance = random.Random(20240602)
    device = Device()
    csr = make_csr(device.key, challenge=STATIC_CHALLENGE)
    path = f"/scep/{static_profile.public_id}?operation=PKIOperation"
    for _ in range(150):
        enveloped = encrypt(mutate(csr, chance=chance), recipients=[ra])
        response = client.post(
            path, data=device.sign(enveloped), content_type="application/x-pki-message"
        )
        assert response.status_code == 200
    for _ in range(150):
        enveloped = mutate(encrypt(csr[:-1], recipients=[ra]), chance=chance)
        response = client.post(
            path, data=device.sign(enveloped), content_type="application/x-pki-message"
        )
        assert response.status_code == 200
    assert not IssuedCertificate.objects.exists()


def test_address_waits_when_too_many_of_its_requests_were_refused(
    client: Client, static_profile: ScepProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scep.services.refusals.REFUSAL_LIMIT", 3)
    url = f"/scep/{static_profile.public_id}?operation=PKIOperation"
    answers = [client.post(url, b"x", content_type="application/x-pki-message") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
