"""Enrollment › SCEP: the trusted CAs of an external server that shows another one now."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from scep.models import ScepProfile
from scep.services.external_identities import identify
from scep.services.profiles import update_scep_profile
from tests.scep.corporate_ca import CorporateCa
from tests.scep.external.scep_server import Holder, ScepServer, make_authority, make_identity

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]


@pytest.fixture(scope="session")
def following() -> Holder:
    """The CA that the external server issues from now on."""
    return make_authority("Next external CA")


def fetch(client: Client, profile: ScepProfile) -> Any:
    """Press "Fetch the CA" in the form that edits the profile; return what is to be trusted."""
    data = {
        "name": profile.name,
        "server_type": "external",
        "external_url": profile.external_url,
        "ca_name": profile.ca_name,
        "fetch": "1",
    }
    answer = client.post(f"/console/enrollment/scep/{profile.public_id}/edit", data)
    return answer.context["form"]["trusted_ca_pem"].value()


def test_the_ca_of_enrolled_devices_stays_when_another_one_is_fetched(
    external: ScepProfile, stranger: ScepServer, following: Holder, administrator: Client
) -> None:
    before, stranger.authority = stranger.authority, following
    pem = fetch(administrator, external)
    assert following.pem in pem
    assert before.pem in pem
    update_scep_profile(external, actor="tests", trusted_ca_pem=pem)
    assert external.trusted_cas.count() == 2


def test_cas_that_would_be_refused_are_left_out_when_the_ca_is_fetched(
    external: ScepProfile, stranger: ScepServer, administrator: Client
) -> None:
    stranger.above = [CorporateCa("Expired root", days=-1).certificate]
    assert fetch(administrator, external).strip() == stranger.authority.pem.strip()


def test_the_profile_says_so_when_devices_have_identities_of_a_ca_that_is_trusted_no_more(
    external: ScepProfile, authority: Holder, following: Holder, auditor: Client
) -> None:
    identify(make_identity(authority).certificate, now=timezone.now())
    page = f"/console/enrollment/scep/{external.public_id}"
    words = "which no SCEP profile trusts any more"
    assert words not in auditor.get(page).content.decode()
    update_scep_profile(external, actor="tests", trusted_ca_pem=following.pem)
    assert f"CN=External CA”, {words}" in auditor.get(page).content.decode()
    update_scep_profile(external, actor="tests", trusted_ca_pem=following.pem + authority.pem)
    assert words not in auditor.get(page).content.decode()
