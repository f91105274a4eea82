"""External SCEP servers: the CA that is shown, the fingerprint that is confirmed, the checks."""

import ssl
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from enrollment.models import LogEntry
from scep.errors import ProfileInvalid, ServerUnreachable
from scep.models import CertificateAuthority, ScepProfile
from scep.selectors import get_certificate, get_issuing_ca, list_chain
from scep.services.authority_import import import_authority
from scep.services.external_servers import check_external_servers, check_profile
from scep.services.external_servers import fetch_ca_certificates as fetch
from scep.services.profiles import (
    create_scep_profile,
    delete_scep_profile,
    update_scep_profile,
)
from scep.services.rotation import cancel_authority
from tests.scep.corporate_ca import CorporateCa, list_above, make_corporation
from tests.scep.device import make_key
from tests.scep.external.scep_server import Holder, ScepServer, make_authority, make_identity
from tests.scep.external.tls_server import Reply, WebServer
from tests.simulator.cms import build_signed_data

pytestmark = pytest.mark.django_db
CA_RA = {"Content-Type": "application/x-x509-ca-ra-cert"}
CA = {"Content-Type": "application/x-x509-ca-cert"}


@pytest.fixture(scope="session")
def other() -> Holder:
    return make_authority("Another CA")


def get_codes() -> list[str]:
    return list(LogEntry.objects.order_by("id").values_list("code", flat=True))


def test_ca_is_shown_when_the_server_is_fetched(
    outside: WebServer, stranger: ScepServer, bootstrapped: None
) -> None:
    found = fetch(f"{outside.url}/scep", ca_name="corp & co")
    assert found.fingerprint == stranger.authority.fingerprint
    assert found.subject == "CN=External CA"
    assert found.not_after == stranger.authority.certificate.not_valid_after_utc
    assert len(found.certificates) == 2
    assert "SCEPStandard" in found.capabilities
    assert stranger.names == ["corp & co"]


def test_issuing_ca_is_shown_when_the_server_sends_its_whole_chain(
    outside: WebServer, authority: Holder
) -> None:
    issuing = make_authority("Issuing CA", issuer=authority)
    registrar = make_identity(issuing)
    chain = [each.certificate for each in (authority, registrar, issuing)]
    blob = build_signed_data(b"", signers=[], certificates=chain)
    outside.answer = lambda asked: Reply(200, b"" if "Caps" in asked.path else blob, CA_RA)
    assert fetch(f"{outside.url}/scep", ca_name="").fingerprint == issuing.fingerprint


def test_single_certificate_is_shown_when_there_is_no_ra(
    outside: WebServer, authority: Holder
) -> None:
    der = authority.certificate.public_bytes(Encoding.DER)
    outside.answer = lambda asked: Reply(200, b"AES\n" if "Caps" in asked.path else der, CA)
    assert fetch(f"{outside.url}/scep", ca_name="").fingerprint == authority.fingerprint


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404),
        Reply(500, b"<html>"),
        Reply(200, b"", CA),
        Reply(200, b"no certificate", CA),
        Reply(200, b"no certificate", CA_RA),
        Reply(200, b"0" * 1000, CA_RA),
        Reply(200, b"\x30\x80" * 5000, CA_RA),
        Reply(200, b"<html>", {"Content-Type": "text/html"}),
        Reply(200, build_signed_data(b"", signers=[], certificates=[]), CA_RA),
    ],
    ids=lambda reply: f"{reply.status} {reply.body[:8]!r} {reply.headers}",
)
def test_server_counts_as_unreachable_when_it_answers_nonsense(
    outside: WebServer, reply: Reply
) -> None:
    outside.answer = lambda asked: Reply(200, b"AES\n") if "Caps" in asked.path else reply
    with pytest.raises(ServerUnreachable):
        fetch(f"{outside.url}/scep", ca_name="")


def test_server_counts_as_unreachable_when_it_sends_no_ca(
    outside: WebServer, authority: Holder
) -> None:
    leaf = make_identity(authority).certificate
    blob = build_signed_data(b"", signers=[], certificates=[leaf])
    outside.answer = lambda asked: Reply(200, b"" if "Caps" in asked.path else blob, CA_RA)
    with pytest.raises(ServerUnreachable, match="without a CA"):
        fetch(f"{outside.url}/scep", ca_name="")


def test_outage_is_told_once_when_the_server_goes_and_comes_back(
    external: ScepProfile, stranger: ScepServer
) -> None:
    for is_down in (False, True, True, False, False):
        stranger.is_down = is_down
        check_external_servers(now=timezone.now())
        external.refresh_from_db()
        assert external.check_code == ("scep_server_unreachable" if is_down else "")
        assert bool(external.check_message) is is_down
        assert external.checked_at is not None
    assert get_codes() == ["scep_server_unreachable", "scep_server_reachable"]
    entry = LogEntry.objects.get(code="scep_server_unreachable")
    assert entry.level == "error"
    assert "External" in entry.message
    assert entry.detail["scep_profile"] == external.public_id


def test_another_ca_is_told_when_the_server_shows_one(
    external: ScepProfile, stranger: ScepServer, other: Holder
) -> None:
    stranger.authority = other
    check_profile(external, now=timezone.now())
    assert external.check_code == "ca_fingerprint_mismatch"
    assert get_codes() == ["ca_fingerprint_mismatch"]


def test_state_is_unknown_again_when_the_url_changes(
    external: ScepProfile, stranger: ScepServer
) -> None:
    stranger.is_down = True
    check_profile(external, now=timezone.now())
    update_scep_profile(external, actor="tests", name="Renamed")
    assert external.check_code == "scep_server_unreachable"
    update_scep_profile(external, actor="tests", external_url=f"{external.external_url}/2")
    external.refresh_from_db()
    assert (external.check_code, external.check_message, external.checked_at) == ("", "", None)


def test_builtin_profile_is_not_checked_when_asked_for(bootstrapped: None) -> None:
    profile = ScepProfile.objects.get(name="Default")
    with pytest.raises(ProfileInvalid):
        check_profile(profile, now=timezone.now())


HOOK = {"challenge_type": "dynamic", "static_challenge": None, "hook_type": "json"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"server_type": "other"},
        {"external_url": ""},
        {"external_url": "http://scep.example.com/scep"},
        {"external_url": "https://user:secret@scep.example.com/scep"},
        {"external_url": "https://scep.example.com/scep?x=y"},
        {"external_url": "https://scep.example.com/" + "x" * 500},
        {"ca_name": "x" * 101},
        {"ca_name": "a\0b"},
        {"ca_fingerprint": ""},
        {"ca_fingerprint": "ab" * 20},
        {"ca_fingerprint": "zz" * 32},
        {"trusted_ca_pem": ""},
        {"trusted_ca_pem": "no PEM"},
        {"trusted_ca_pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
        {"challenge_type": "token", "static_challenge": None},
        {"challenge_type": "dynamic", "static_challenge": None},
        HOOK | {"hook_url": "http://hook.example.com/"},
        HOOK | {"hook_url": "https://hook.example.com/", "hook_type": "soap"},
        HOOK | {"hook_url": "https://hook.example.com/", "hook_type": "ndes"},
        HOOK | {"hook_url": "https://hook.example.com/", "hook_username": "a:b"},
        {"key_usage": 4},
        {"renewal_days": 365},
        {"subject": "CN={serial}"},
        {"subject": ["CN={secret}"]},
        {"subject": ["CN=a", "CN=b"]},
        {"subject_alternative_names": ["ip=127.0.0.1"]},
    ],
    ids=lambda wrong: str(wrong)[:70],
)
def test_external_profile_is_refused_when_it_cannot_work(
    values: dict[str, Any], wrong: dict[str, Any]
) -> None:
    before = ScepProfile.objects.count()
    with pytest.raises(ProfileInvalid):
        create_scep_profile(actor="tests", **(values | wrong))
    assert ScepProfile.objects.count() == before


def test_certificate_is_not_trusted_as_a_ca_when_it_is_none(
    values: dict[str, Any], authority: Holder
) -> None:
    with pytest.raises(ProfileInvalid, match="not a CA"):
        create_scep_profile(
            actor="tests", **(values | {"trusted_ca_pem": make_identity(authority).pem})
        )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"key": make_key(bits=1024)}, "RSA of 2048 bits or EC"),
        ({"days": -1}, "has expired"),
    ],
    ids=["weak", "expired"],
)
def test_ca_is_not_trusted_when_nobody_should(
    values: dict[str, Any], changed: dict[str, Any], reason: str
) -> None:
    pem = CorporateCa("Device CA", **changed).pem.decode()
    with pytest.raises(ProfileInvalid, match=reason):
        create_scep_profile(actor="tests", **(values | {"trusted_ca_pem": pem}))


def test_own_ca_is_not_taken_for_an_external_one(values: dict[str, Any]) -> None:
    own = ssl.DER_cert_to_PEM_cert(bytes(get_issuing_ca().certificate))
    with pytest.raises(ProfileInvalid, match="of this server"):
        create_scep_profile(actor="tests", **(values | {"trusted_ca_pem": own}))
    assert not ScepProfile.objects.filter(name="External").exists()


@pytest.mark.parametrize("above", [1, 2])
def test_imported_chain_is_whole_when_a_ca_of_it_was_trusted_before(
    values: dict[str, Any], above: int
) -> None:
    """And the trust ends without it, or goes on after the import is cancelled."""
    corporation = make_corporation()
    policy, root = list_above(corporation)
    pem = values["trusted_ca_pem"]
    trusted = values | {"trusted_ca_pem": pem + (policy, root)[above - 1].pem.decode()}
    profile = create_scep_profile(actor="tests", **trusted)
    before = CertificateAuthority.objects.count()
    row = import_authority(corporation.bundle, actor="tests", now=timezone.now())
    cancel_authority(row, actor="tests")
    assert CertificateAuthority.objects.count() == before
    assert profile.trusted_cas.count() == 2
    row = import_authority(corporation.bundle, actor="tests", now=timezone.now())
    expected = [each.certificate for each in (corporation, policy, root)]
    assert [get_certificate(each) for each in list_chain(row)] == expected
    update_scep_profile(profile, actor="tests", trusted_ca_pem=pem)
    assert profile.trusted_cas.count() == 1
    delete_scep_profile(profile, actor="tests")
    assert not ScepProfile.objects.filter(name="External").exists()
    row.refresh_from_db()
    assert [get_certificate(each) for each in list_chain(row)] == expected


def test_trust_and_secrets_stay_when_an_update_does_not_name_them(
    external: ScepProfile, other: Holder, authority: Holder
) -> None:
    update_scep_profile(external, actor="tests", name="New", trusted_ca_pem="", ca_name="x")
    external.refresh_from_db()
    assert (external.name, external.ca_name) == ("New", "x")
    assert bytes(external.static_challenge or b"").startswith(b"an external")
    assert [row.fingerprint for row in external.trusted_cas.all()] == [authority.fingerprint]
    update_scep_profile(external, actor="tests", trusted_ca_pem=other.pem + authority.pem)
    assert external.trusted_cas.count() == 2


def test_nothing_external_is_left_when_a_profile_becomes_the_builtin_cas(
    external: ScepProfile,
) -> None:
    update_scep_profile(external, actor="tests", server_type="builtin", challenge_type="dynamic")
    external.refresh_from_db()
    assert external.issuing_ca == get_issuing_ca()
    assert (external.external_url, external.ca_fingerprint, external.static_challenge) == (
        "",
        "",
        None,
    )
    assert not CertificateAuthority.objects.filter(role="external").exists()


@pytest.mark.parametrize(
    "form", [" {colons} ", "sha256 Fingerprint={colons}", "SHA256:{plain}", "{hyphens}", "{spaces}"]
)
def test_fingerprint_is_taken_as_people_copy_it(values: dict[str, Any], form: str) -> None:
    digits = values["ca_fingerprint"]
    pairs = [digits[i : i + 2] for i in range(0, 64, 2)]
    marks = {"colons": ":", "hyphens": "-", "spaces": " ", "plain": ""}
    text = form.format(**{name: mark.join(pairs).upper() for name, mark in marks.items()})
    profile = create_scep_profile(actor="tests", **(values | {"ca_fingerprint": text}))
    assert profile.ca_fingerprint == digits


@pytest.mark.parametrize(("size", "name"), [(16, "MD5"), (20, "SHA-1"), (64, "SHA-512")])
def test_kind_of_fingerprint_is_named_when_it_is_another(
    values: dict[str, Any], size: int, name: str
) -> None:
    with pytest.raises(ProfileInvalid, match=name):
        create_scep_profile(actor="tests", **(values | {"ca_fingerprint": "AB:" * size}))
