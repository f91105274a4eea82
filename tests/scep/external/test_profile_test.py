"""The Test of a SCEP profile: each step, and what it leaves behind."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from scep.models import DynamicChallenge, IssuedCertificate, ScepProfile
from scep.services import profile_test
from scep.services.profile_test import StepResult
from scep.services.profiles import create_scep_profile, update_scep_profile
from tests.scep.corporate_ca import CorporateCa
from tests.scep.device import make_key
from tests.scep.external.scep_server import TOKEN, Holder, ScepServer, make_authority
from tests.scep.external.tls_server import Reply, WebServer

BUILTIN_STEPS = ["GetCACaps", "GetCACert", "RSA key of 2048 bits", "PKIOperation", "Revocation"]
KINDS = [
    {"challenge_type": "dynamic"},
    {"challenge_type": "token"},
    {"challenge_type": "static", "static_challenge": "correct horse battery"},
    {"challenge_type": "dynamic", "allow_legacy": True},
    {"challenge_type": "dynamic", "hold_for_approval": True},
    {"challenge_type": "dynamic", "single_certificate": True},
    {"challenge_type": "dynamic", "subject": ["CN={serial}"], "key_usage": 1},
]


def run(profile: ScepProfile) -> list[StepResult]:
    steps = profile_test.try_profile(profile, now=timezone.now())
    for step in steps:
        print(step)
    return steps


def get_names(steps: list[StepResult]) -> list[str]:
    return [step.name for step in steps]


@pytest.fixture
def own(live_server: Any, settings: Any) -> None:
    """This server answers at its own base URL."""
    settings.BASE_URL = live_server.url
    settings.ALLOWED_HOSTS = ["*"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_step_works_when_the_builtin_ca_is_well(own: None, kind: dict[str, Any]) -> None:
    profile = create_scep_profile(actor="tests", name="New", **kind)  # type: ignore[misc]
    steps = run(profile)
    assert get_names(steps) == BUILTIN_STEPS
    assert all(step.ok and step.detail for step in steps)
    row = IssuedCertificate.objects.get(scep_profile=profile)
    assert (row.status, row.revocation_reason) == ("revoked", "cessation_of_operation")
    assert (row.not_after - timezone.now()).total_seconds() <= 3600
    assert DynamicChallenge.objects.get(scep_profile=profile).consumed_at is not None


@pytest.mark.django_db(transaction=True)
def test_test_can_be_repeated_when_it_has_worked(own: None) -> None:
    profile = ScepProfile.objects.get(name="Default")
    for _ in range(2):
        assert all(step.ok for step in run(profile))
    assert IssuedCertificate.objects.filter(scep_profile=profile).count() == 2


@pytest.mark.django_db(transaction=True)
def test_test_waits_for_no_key_when_this_process_has_made_one(own: None) -> None:
    profile = create_scep_profile(
        actor="tests", name="Long keys", challenge_type="dynamic", key_size=4096
    )
    waited = []
    for _ in range(2):
        steps = {step.name: step for step in run(profile)}
        assert all(step.ok for step in steps.values())
        waited.append(steps["RSA key of 4096 bits"].milliseconds)
    # Other tests take their time from this one: a key made now takes several times as long.
    assert waited[1] < max(60, waited[0] / 3)
    assert IssuedCertificate.objects.filter(scep_profile=profile).count() == 2


@pytest.mark.django_db
def test_first_step_fails_when_the_base_url_leads_nowhere(
    settings: Any, bootstrapped: None
) -> None:
    settings.BASE_URL = "http://127.0.0.1:9"
    (step,) = run(ScepProfile.objects.get(name="Default"))
    assert (step.name, step.ok) == ("GetCACaps", False)
    assert "cannot be reached" in step.detail


@pytest.mark.django_db
def test_second_step_fails_when_the_base_url_is_another_servers(
    settings: Any, outside: WebServer, stranger: ScepServer, bootstrapped: None
) -> None:
    profile = ScepProfile.objects.get(name="Default")
    settings.BASE_URL = outside.url
    answer = outside.answer

    def behave(asked: Any) -> Any:
        asked.path = asked.path.replace(profile.public_id, "").replace("/scep/", "/scep")
        asked.path += "&message="
        return answer(asked)

    outside.answer = behave
    steps = run(profile)
    assert [(step.name, step.ok) for step in steps] == [("GetCACaps", True), ("GetCACert", False)]
    assert not IssuedCertificate.objects.exists()


@pytest.mark.django_db
def test_every_step_works_when_the_external_server_is_well(
    values: dict[str, Any], outside: WebServer, stranger: ScepServer
) -> None:
    values |= {
        "challenge_type": "dynamic",
        "static_challenge": None,
        "hook_type": "json",
        "hook_url": f"{outside.url}/challenge",
        "hook_password": TOKEN,
    }
    profile = create_scep_profile(actor="tests", **values)
    steps = run(profile)
    assert get_names(steps) == ["GetCACaps", "GetCACert", "Trusted CAs", "Challenge"]
    assert all(step.ok for step in steps)
    assert not any(challenge in str(steps) for challenge in stranger.challenges)
    profile.refresh_from_db()
    assert (profile.check_code, bool(profile.checked_at)) == ("", True)


@pytest.mark.django_db
def test_failing_step_and_its_cause_are_shown_when_the_external_server_is_not_well(
    external: ScepProfile, stranger: ScepServer
) -> None:
    stranger.is_down = True
    (step,) = run(external)
    assert (step.name, step.ok, step.detail) == (
        "GetCACaps",
        False,
        "the server answered GetCACaps with 503",
    )
    external.refresh_from_db()
    assert external.check_code == "scep_server_unreachable"
    stranger.is_down, stranger.capabilities = False, "SHA-1\nDES3\n"
    (step,) = run(external)
    assert "Apple's devices need one of" in step.detail
    stranger.capabilities = "SHA-256\n"
    stranger.authority = make_authority()
    steps = run(external)
    assert [(step.name, step.ok) for step in steps] == [("GetCACaps", True), ("GetCACert", False)]
    external.refresh_from_db()
    assert external.check_code == "ca_fingerprint_mismatch"


@pytest.mark.django_db
def test_trust_step_fails_when_the_trusted_ca_is_another(
    external: ScepProfile, authority: Holder
) -> None:
    update_scep_profile(external, actor="tests", trusted_ca_pem=make_authority().pem)
    steps = run(external)
    assert get_names(steps)[-1] == "Trusted CAs"
    assert not steps[-1].ok


@pytest.mark.django_db
@pytest.mark.parametrize(("trusted", "ok"), [("Issuing", True), ("Root", False)])
def test_trust_step_fails_when_only_a_ca_above_the_issuing_one_is_trusted(
    values: dict[str, Any], outside: WebServer, trusted: str, ok: bool
) -> None:
    """The device would be enrolled by the server, and refused here."""
    root = make_authority("Root")
    issuing = make_authority("Issuing", issuer=root)
    stranger = ScepServer(issuing, above=[root.certificate])
    outside.answer = stranger.answer
    pem = {"Issuing": issuing.pem, "Root": root.pem}[trusted]
    changes = {"ca_fingerprint": issuing.fingerprint, "trusted_ca_pem": pem}
    steps = run(create_scep_profile(actor="tests", **values | changes))
    assert get_names(steps)[-1] == "Trusted CAs"
    assert steps[-1].ok is ok
    assert ok or "Issuing" in steps[-1].detail


@pytest.mark.django_db
def test_every_step_works_when_a_lone_ca_of_the_server_lacks_key_encipherment(
    values: dict[str, Any], outside: WebServer
) -> None:
    """As micromdm's does, with which devices enroll all the same."""
    lone = CorporateCa("Lone CA", key=make_key(), usages=("digital_signature", "key_cert_sign"))
    der = lone.certificate.public_bytes(Encoding.DER)

    def answer(asked: Any) -> Reply:
        if "GetCACert" in asked.path:
            return Reply(200, der, {"Content-Type": "application/x-x509-ca-cert"})
        return Reply(200, b"SHA-256\nAES\nPOSTPKIOperation\n", {"Content-Type": "text/plain"})

    outside.answer = answer
    digest = lone.certificate.fingerprint(hashes.SHA256()).hex()
    changes = {"ca_fingerprint": digest, "trusted_ca_pem": lone.pem.decode()}
    steps = run(create_scep_profile(actor="tests", **values | changes))
    assert get_names(steps) == ["GetCACaps", "GetCACert", "Trusted CAs"]
    assert all(step.ok for step in steps)
