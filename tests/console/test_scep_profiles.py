"""Enrollment › SCEP: every field, fetching and confirming an external CA, Test and Check."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from organization.models import AuditEntry
from scep.models import CertificateStatus, IssuedCertificate, ScepProfile
from scep.services.authority_import import import_authority
from scep.services.profiles import create_scep_profile
from tests.console.conftest import World, hold_request
from tests.scep.corporate_ca import list_above, make_corporation
from tests.scep.external.scep_server import ScepServer
from tests.scep.external.tls_server import WebServer

pytestmark = pytest.mark.django_db

SCEP = "/console/enrollment/scep/"
BUILTIN = {
    "name": "Phones",
    "server_type": "builtin",
    "challenge_type": "dynamic",
    "subject": "O={organization}\r\nCN={serial}",
    "subject_alternative_names": "dns={serial}.example.com\n\n email={owner} ",
    "key_size": "4096",
    "key_usage": "1",
    "validity_days": "200",
    "renewal_days": "50",
    "hold_for_approval": "on",
    "single_certificate": "on",
}


def build_external(server: WebServer, stranger: ScepServer, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Corp PKI",
        "server_type": "external",
        "challenge_type": "static",
        "static_challenge": stranger.static,
        "external_url": f"{server.url}/scep",
        "ca_name": "corp",
        "ca_fingerprint": stranger.authority.fingerprint,
        "is_confirmed": "on",
        "trusted_ca_pem": stranger.authority.pem,
        "subject": "CN={session}",
        "key_size": "2048",
        "key_usage": "5",
        "validity_days": "365",
    } | changes


def test_every_field_of_a_profile_is_stored(bootstrapped: None, administrator: Client) -> None:
    administrator.post(f"{SCEP}new", BUILTIN)
    profile = ScepProfile.objects.get(name="Phones")
    assert profile.subject == ["O={organization}", "CN={serial}"]
    assert profile.subject_alternative_names == ["dns={serial}.example.com", "email={owner}"]
    assert (profile.key_size, profile.key_usage) == (4096, 1)
    assert (profile.validity_days, profile.renewal_days) == (200, 50)
    assert profile.hold_for_approval
    assert profile.single_certificate
    entry = AuditEntry.objects.get(action="scep_profile.create", subject="Phones")
    assert entry.actor == "administrator@example.org"


def test_the_form_shows_what_is_stored_and_changes_only_that(
    bootstrapped: None, administrator: Client
) -> None:
    administrator.post(f"{SCEP}new", BUILTIN)
    profile = ScepProfile.objects.get(name="Phones")
    page = administrator.get(f"{SCEP}{profile.public_id}/edit").content.decode()
    assert "O={organization}\nCN={serial}</textarea>" in page
    data = {name: value for name, value in BUILTIN.items() if name != "single_certificate"}
    administrator.post(f"{SCEP}{profile.public_id}/edit", data | {"renewal_days": ""})
    profile.refresh_from_db()
    assert (profile.renewal_days, profile.single_certificate) == (None, False)
    assert profile.key_size == 4096


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "CN={colour}"),
        ("subject", "XX=1"),
        ("subject", "CN=a\nCN=b"),
        ("subject_alternative_names", "{serial}"),
        ("validity_days", "826"),
        ("key_size", "1024"),
    ],
)
def test_a_field_that_cannot_work_is_refused_beside_it(
    field: str, value: str, bootstrapped: None, administrator: Client
) -> None:
    answer = administrator.post(f"{SCEP}new", BUILTIN | {field: value})
    assert list(answer.context["form"].errors) == [field]
    assert not ScepProfile.objects.filter(name="Phones").exists()


def test_each_challenge_type_is_explained(bootstrapped: None, administrator: Client) -> None:
    page = administrator.get(f"{SCEP}new").content.decode()
    for words in ("works once", "ends with the token", "stands in every profile"):
        assert words in page


class TestExternal:
    def test_the_fetch_step_shows_the_ca_and_keeps_what_was_typed(
        self,
        bootstrapped: None,
        outside: WebServer,
        stranger: ScepServer,
        administrator: Client,
    ) -> None:
        data = build_external(outside, stranger, ca_fingerprint="", trusted_ca_pem="", fetch="1")
        answer = administrator.post(f"{SCEP}new", data)
        page, form = answer.content.decode(), answer.context["form"]
        fingerprint = stranger.authority.fingerprint
        assert bytes.fromhex(fingerprint).hex(":").upper() in page
        assert form["name"].value() == "Corp PKI"
        assert form["trusted_ca_pem"].value().strip() == stranger.authority.pem.strip()
        assert not form["is_confirmed"].value()
        assert stranger.static not in page
        assert "errorlist" not in page
        assert not ScepProfile.objects.filter(name="Corp PKI").exists()

    def test_a_root_that_an_imported_ca_has_brought_is_left_out(
        self,
        bootstrapped: None,
        outside: WebServer,
        stranger: ScepServer,
        administrator: Client,
    ) -> None:
        corporation = make_corporation()
        import_authority(corporation.bundle, actor="tests", now=timezone.now())
        root = list_above(corporation)[-1]
        stranger.above = [root.certificate]
        data = build_external(outside, stranger, ca_fingerprint="", trusted_ca_pem="", fetch="1")
        form = administrator.post(f"{SCEP}new", data).context["form"]
        assert form["trusted_ca_pem"].value().strip() == stranger.authority.pem.strip()

    def test_an_external_server_is_stored_when_its_ca_is_confirmed(
        self,
        bootstrapped: None,
        outside: WebServer,
        stranger: ScepServer,
        administrator: Client,
    ) -> None:
        shown = bytes.fromhex(stranger.authority.fingerprint).hex(":").upper()
        data = build_external(outside, stranger, ca_fingerprint=shown)
        administrator.post(f"{SCEP}new", data)
        profile = ScepProfile.objects.get(name="Corp PKI")
        assert profile.ca_fingerprint == stranger.authority.fingerprint
        page = administrator.get(f"{SCEP}{profile.public_id}").content.decode()
        for text in (f"{outside.url}/scep", shown, "Not checked yet"):
            assert text in page

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("is_confirmed", ""),
            ("external_url", ""),
            ("ca_fingerprint", ""),
            ("trusted_ca_pem", ""),
            ("challenge_type", "token"),
        ],
    )
    def test_an_external_server_is_refused_when_something_is_missing(
        self,
        field: str,
        value: str,
        bootstrapped: None,
        outside: WebServer,
        stranger: ScepServer,
        administrator: Client,
    ) -> None:
        data = build_external(outside, stranger, **{field: value})
        answer = administrator.post(f"{SCEP}new", data)
        assert field in answer.context["form"].errors
        assert not ScepProfile.objects.filter(name="Corp PKI").exists()

    def test_an_address_inside_is_not_fetched(
        self, bootstrapped: None, settings: Any, administrator: Client
    ) -> None:
        settings.ALLOW_PRIVATE_URLS = False
        data = {"external_url": "https://127.0.0.1/scep", "server_type": "external", "fetch": "1"}
        answer = administrator.post(f"{SCEP}new", data)
        assert answer.context["form"].fetch_error
        assert 'role="alert"' in answer.content.decode()

    def test_editing_keeps_secrets_trust_and_confirmation(
        self,
        values: dict[str, Any],
        outside: WebServer,
        stranger: ScepServer,
        administrator: Client,
    ) -> None:
        profile = create_scep_profile(actor="tests", **values)
        data = build_external(
            outside, stranger, name="Other", trusted_ca_pem="", is_confirmed="", static_challenge=""
        )
        administrator.post(f"{SCEP}{profile.public_id}/edit", data)
        profile.refresh_from_db()
        assert profile.name == "Other"
        assert bytes(profile.static_challenge or b"").decode() == stranger.static
        assert profile.trusted_cas.count() == 1

    def test_check_now_tells_whether_the_server_is_there(
        self,
        values: dict[str, Any],
        stranger: ScepServer,
        operator: Client,
    ) -> None:
        profile = create_scep_profile(actor="tests", **values)
        url = f"{SCEP}{profile.public_id}"
        page = operator.post(f"{url}/check", follow=True).content.decode()
        assert "The server answers, with the CA that was confirmed." in page
        ScepProfile.objects.filter(pk=profile.pk).update(ca_fingerprint="0" * 64)
        page = operator.post(f"{url}/check", follow=True).content.decode()
        assert "The server answers with another CA." in page
        assert "ca_fingerprint_mismatch" in page
        assert "Does not work" in operator.get(SCEP).content.decode()

    def test_the_test_shows_each_step_and_where_it_failed(
        self,
        values: dict[str, Any],
        operator: Client,
    ) -> None:
        profile = create_scep_profile(actor="tests", **values)
        url = f"{SCEP}{profile.public_id}/test"
        answer = operator.post(url)
        assert answer.context["is_good"], answer.context["steps"]
        page = answer.content.decode()
        assert "GetCACaps" in page
        assert " ms</span>" in page
        ScepProfile.objects.filter(pk=profile.pk).update(ca_fingerprint="0" * 64)
        page = operator.post(url).content.decode()
        assert "The last step failed" in page
        assert "not the one that was confirmed" in page


def test_looking_at_the_test_page_tests_nothing(world: World, operator: Client) -> None:
    before = IssuedCertificate.objects.count()
    url = f"{SCEP}{world.scep_profile.public_id}/test"
    assert "steps" not in operator.get(url).context
    assert IssuedCertificate.objects.count() == before


def test_a_builtin_profile_that_cannot_be_reached_says_so(
    world: World, operator: Client, settings: Any
) -> None:
    settings.BASE_URL = "http://127.0.0.1:1"
    answer = operator.post(f"{SCEP}{world.scep_profile.public_id}/test")
    assert [step.ok for step in answer.context["steps"]] == [False]


@pytest.mark.django_db(transaction=True)
def test_the_test_enrolls_with_this_server_and_revokes_the_certificate(
    world: World, operator: Client, settings: Any, live_server: Any
) -> None:
    settings.BASE_URL = live_server.url
    before = set(IssuedCertificate.objects.values_list("pk", flat=True))
    answer = operator.post(f"{SCEP}{world.scep_profile.public_id}/test")
    assert answer.context["is_good"], answer.context["steps"]
    (row,) = IssuedCertificate.objects.exclude(pk__in=before)
    assert row.status == CertificateStatus.REVOKED


def test_the_page_counts_no_further_than_it_tells(
    world: World, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scep.console.profiles.MOST", 0)
    page = auditor.get(f"{SCEP}{world.scep_profile.public_id}").content.decode()
    assert "more than 0" in page


def test_the_list_costs_the_same_queries_however_long(
    world: World, auditor: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        create_scep_profile(name=f"Profile {number}", actor="tests")
    with django_assert_max_num_queries(9):
        auditor.get(SCEP)


def test_who_deletes_a_profile_reads_how_many_requests_wait_for_approval(
    bootstrapped: None, administrator: Client
) -> None:
    administrator.post(f"{SCEP}new", BUILTIN)
    profile = ScepProfile.objects.get(name="Phones")
    page = f"{SCEP}{profile.public_id}/delete"
    assert "approval" not in administrator.get(page).content.decode()
    for state in ("pending", "pending", "rejected"):
        hold_request(profile, state=state)
    assert "2 requests wait for approval and go with it" in administrator.get(page).content.decode()
