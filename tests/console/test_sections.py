"""Groups, policies and SCEP profiles: made, changed, deleted; refusals become messages."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from devices.models import Group
from enrollment.models import EnrollmentToken
from organization.models import AuditEntry
from policies.models import Package, Policy, PolicyItem
from scep.models import CertificateAuthority, ScepProfile
from scep.selectors import get_ca_certificate_fingerprint
from tests.console.conftest import World
from tests.console.profiles import PASSCODE_PROFILE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

STATIC = {
    "server_type": "builtin",
    "challenge_type": "static",
    "key_size": "2048",
    "key_usage": "5",
    "validity_days": "365",
}


def test_a_group_is_added_and_audited(bootstrapped: None, operator: Client) -> None:
    operator.post("/console/groups/new", {"name": "Night shift", "description": "x"})
    assert Group.objects.get(name="Night shift").description == "x"
    assert AuditEntry.objects.filter(action="group.create", actor="operator@example.org").exists()


def test_a_name_that_is_taken_is_refused(world: World, operator: Client) -> None:
    page = operator.post("/console/groups/new", {"name": "field crew"}).content.decode()
    assert "This name is taken." in page


def test_a_group_in_use_stays(world: World, operator: Client) -> None:
    url = f"/console/groups/{world.group.public_id}/delete"
    page = operator.post(url, follow=True).content.decode()
    assert "still has" in page
    assert Group.objects.filter(pk=world.group.pk).exists()


def test_a_list_offers_adding_only_to_those_who_may(
    world: World, operator: Client, auditor: Client
) -> None:
    assert b"/console/groups/new" in operator.get("/console/groups/").content
    assert b"/console/groups/new" not in auditor.get("/console/groups/").content
    assert b"scep/new" not in operator.get("/console/enrollment/scep/").content


def test_looking_at_a_row_changes_nothing(world: World, administrator: Client) -> None:
    administrator.get(f"/console/groups/{world.group.public_id}")
    administrator.get(f"/console/policies/{world.policy.public_id}")
    administrator.get(f"/console/enrollment/scep/{world.scep_profile.public_id}")
    assert Policy.objects.filter(pk=world.policy.pk).exists()
    assert ScepProfile.objects.filter(pk=world.scep_profile.pk).exists()


def test_a_policy_gets_its_groups(world: World, operator: Client) -> None:
    url = f"/console/policies/{world.policy.public_id}/edit"
    operator.post(url, {"name": "Baseline 2", "groups": []})
    world.policy.refresh_from_db()
    assert (world.policy.name, world.policy.groups.count()) == ("Baseline 2", 0)


def test_a_profile_is_uploaded(world: World, operator: Client) -> None:
    upload = SimpleUploadedFile("passcode.mobileconfig", PASSCODE_PROFILE)
    url = f"/console/policies/{world.policy.public_id}/items/profile"
    operator.post(url, {"upload": upload, "platforms": ["ios"]})
    item = PolicyItem.objects.latest("id")
    assert (item.name, item.platforms) == ("Passcode", ["ios"])


def test_a_file_that_is_no_profile_is_refused(world: World, operator: Client) -> None:
    upload = SimpleUploadedFile("cat.mobileconfig", b"\x00\x01 not a profile")
    url = f"/console/policies/{world.policy.public_id}/items/profile"
    answer = operator.post(url, {"upload": upload})
    assert answer.status_code == 200
    assert b"errorlist" in answer.content
    assert world.policy.items.count() == 2


def test_an_app_needs_a_source(world: World, operator: Client) -> None:
    url = f"/console/policies/{world.policy.public_id}/items/app"
    answer = operator.post(url, {"name": "Slack"})
    assert "either an App Store ID or a manifest URL" in answer.content.decode()


def test_an_item_is_removed(world: World, operator: Client) -> None:
    base = f"/console/policies/{world.policy.public_id}/items/{world.app_item.public_id}"
    operator.post(f"{base}/remove")
    assert not PolicyItem.objects.filter(pk=world.app_item.pk).exists()


def test_a_static_challenge_is_kept_when_left_empty_and_never_shown(
    bootstrapped: None, administrator: Client
) -> None:
    form = STATIC
    data = form | {"name": "Old", "static_challenge": "swordfish-7781"}
    administrator.post("/console/enrollment/scep/new", data)
    profile = ScepProfile.objects.get(name="Old")
    url = f"/console/enrollment/scep/{profile.public_id}"
    administrator.post(f"{url}/edit", form | {"name": "Old 2"})
    profile.refresh_from_db()
    assert (profile.name, bytes(profile.static_challenge or b"")) == ("Old 2", b"swordfish-7781")
    for page in (url, f"{url}/edit", "/console/system/audit-log/"):
        assert b"swordfish" not in administrator.get(page).content


def test_a_static_profile_without_a_challenge_is_refused(
    bootstrapped: None, administrator: Client
) -> None:
    data = STATIC | {"name": "X"}
    page = administrator.post("/console/enrollment/scep/new", data).content.decode()
    assert "A static challenge is needed." in page


def test_a_scep_profile_shows_its_server_and_fingerprint(world: World, auditor: Client) -> None:
    url = f"/console/enrollment/scep/{world.scep_profile.public_id}"
    page = auditor.get(url).content.decode()
    assert f"/scep/{world.scep_profile.public_id}" in page
    fingerprint = get_ca_certificate_fingerprint(world.scep_profile).hex(":").upper()
    assert fingerprint in page


def test_the_dashboard_counts(world: World, auditor: Client) -> None:
    world.device.enrolled_at = timezone.now() - timedelta(days=12)
    world.device.save()
    context = auditor.get("/console/").context
    assert (context["device_count"], context["week_count"]) == (2, 1)
    assert sum(spot.count for spot in context["area"].spots) == 2


def test_the_dashboard_tells_of_servers_that_fail_and_requests_that_wait(
    world: World, auditor: Client
) -> None:
    ScepProfile.objects.filter(pk=world.scep_profile.pk).update(
        check_code="scep_server_unreachable", check_message="ndes.example.com cannot be reached"
    )
    page = auditor.get("/console/").content.decode()
    assert "ndes.example.com cannot be reached" in page
    assert f"/console/enrollment/scep/{world.scep_profile.public_id}" in page
    assert "1 enrollment waits for approval." in page


def test_the_dashboard_tells_of_cas_that_end_soon(world: World, auditor: Client) -> None:
    assert "the certificate expires" not in auditor.get("/console/").content.decode()
    CertificateAuthority.objects.filter(pk=world.next_ca.pk).update(
        not_after=timezone.now() + timedelta(days=20, hours=1)
    )
    page = auditor.get("/console/").content.decode()
    assert f"{world.next_ca.name}: the certificate expires in 20 days" in page


def test_a_device_leads_to_its_certificate(world: World, auditor: Client) -> None:
    world.enrollment.certificate_sha256 = world.certificate.fingerprint or ""
    world.enrollment.save()
    page = auditor.get(f"/console/devices/{world.device.public_id}").content.decode()
    assert f"/console/system/certificates/issued/{world.certificate.public_id}" in page


def test_an_items_form_says_on_its_button_what_it_does(world: World, operator: Client) -> None:
    policy = f"/console/policies/{world.policy.public_id}/items"
    forms = {
        "profile": "Add profile",
        "app": "Add app",
        f"{world.profile_item.public_id}/replace": "Replace",
        f"{world.app_item.public_id}/configure": "Save",
    }
    for form, words in forms.items():
        assert f'<button class="btn btn-primary">{words}</button>' in (
            operator.get(f"{policy}/{form}").text
        )


def test_an_empty_list_leads_on_when_rows_are_not_added_by_a_plain_form(
    world: World, operator: Client, auditor: Client
) -> None:
    Package.objects.all().delete()
    invitations = f"/console/enrollment/ota/tokens/{world.token.jti}/invitations/"
    EnrollmentToken.objects.filter(parent=world.token).delete()
    for url in ("/console/packages/", invitations):
        link = f'<a class="btn btn-primary" href="{url}new">'
        empty = operator.get(url).text.partition('<div class="empty">')[2]
        assert link in empty, url
        assert link not in auditor.get(url).text, url
    EnrollmentToken.objects.filter(pk=world.token.pk).update(revoked_at=timezone.now())
    assert f"{invitations}new" not in operator.get(invitations).text, "it enrolls nobody"
