"""Two programs, or a program and a person, change one thing at once."""

from typing import Any

import pytest

from devices.models import Group
from devices.services import groups
from scep.models import ScepProfile
from scep.services.profiles import (
    create_scep_profile,
    delete_scep_profile,
    update_scep_profile,
)
from tests.rest.conftest import Program, Sample
from webhooks.models import Webhook
from webhooks.services import webhooks

pytestmark = pytest.mark.django_db


def _change_first(monkeypatch: pytest.MonkeyPatch, door: Any, name: str, change: Any) -> None:
    """Let `change` happen between the moment a request reads its row and that it writes it."""
    service = getattr(door, name)

    def wait(row: Any, **values: Any) -> Any:
        change()
        return service(row, **values)

    monkeypatch.setattr(door, name, wait)


def test_a_groups_new_name_stays_when_its_description_is_changed_at_the_same_time(
    operator: Program, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    from policies.rest import groups as door

    def rename() -> None:
        groups.update_group(
            Group.objects.get(pk=sample.group.pk), name="Field sales", actor="another"
        )

    _change_first(monkeypatch, door, "update_group", rename)
    answer = operator.patch(f"groups/{sample.group.public_id}", {"description": "On the road"})
    assert answer.json()["name"] == "Field sales"
    row = Group.objects.get(pk=sample.group.pk)
    assert (row.name, row.description) == ("Field sales", "On the road")


def test_a_group_is_not_found_when_it_is_deleted_while_a_program_changes_it(
    operator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    from policies.rest import groups as door

    group = groups.create_group("Short", actor="tests")
    _change_first(monkeypatch, door, "update_group", Group.objects.filter(pk=group.pk).delete)
    answer = operator.patch(f"groups/{group.public_id}", {"description": "x"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_webhooks_new_address_stays_when_its_name_is_changed_at_the_same_time(
    administrator: Program, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    import webhooks.rest as door

    def move() -> None:
        row = Webhook.objects.get(pk=sample.webhook.pk)
        webhooks.update_webhook(row, url="https://new.example.com/", actor="another")

    _change_first(monkeypatch, door, "update_webhook", move)
    answer = administrator.patch(f"webhooks/{sample.webhook.public_id}", {"name": "Desk"})
    assert answer.json()["url"] == "https://new.example.com/"
    row = Webhook.objects.get(pk=sample.webhook.pk)
    assert (row.name, row.url) == ("Desk", "https://new.example.com/")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("update_webhook", {"name": "Desk"}),
        ("pause_webhook", {"state": "paused"}),
        ("resume_webhook", {"state": "active"}),
    ],
)
def test_a_webhook_is_not_found_when_it_is_deleted_while_a_program_changes_it(
    name: str,
    change: dict[str, str],
    administrator: Program,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import webhooks.rest as door

    _change_first(monkeypatch, door, name, Webhook.objects.filter(pk=sample.webhook.pk).delete)
    answer = administrator.patch(f"webhooks/{sample.webhook.public_id}", change)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_scep_profiles_new_life_stays_when_its_name_is_changed_at_the_same_time(
    administrator: Program, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scep.rest import profiles as door

    def shorten() -> None:
        row = ScepProfile.objects.get(pk=sample.scep_profile.pk)
        update_scep_profile(row, validity_days=90, actor="another")

    _change_first(monkeypatch, door, "update_scep_profile", shorten)
    answer = administrator.patch(
        f"scep/profiles/{sample.scep_profile.public_id}", {"name": "Field devices"}
    )
    assert answer.json()["validity_days"] == 90
    row = ScepProfile.objects.get(pk=sample.scep_profile.pk)
    assert (row.name, row.validity_days) == ("Field devices", 90)


def test_a_scep_profile_is_not_found_when_it_is_deleted_while_a_program_changes_it(
    administrator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scep.rest import profiles as door

    profile = create_scep_profile(name="Short", actor="tests")

    def delete() -> None:
        delete_scep_profile(ScepProfile.objects.get(pk=profile.pk), actor="another")

    _change_first(monkeypatch, door, "update_scep_profile", delete)
    answer = administrator.patch(f"scep/profiles/{profile.public_id}", {"validity_days": 90})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not ScepProfile.objects.filter(name="Short").exists()
