"""Administrators who change the same policy, item or package at the same moment."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from devices.services.groups import create_group
from policies.errors import ItemInvalid, PolicyInvalid
from policies.models import Package, Policy, PolicyItem
from policies.services.items import (
    add_app_item,
    add_profile_item,
    configure_app,
    get_configuration,
    remove_item,
    replace_package,
    replace_profile,
)
from policies.services.package_files import get_path
from policies.services.packages import delete_package
from policies.services.policies import delete_policy, update_policy
from tests.policies.conftest import ADMIN
from tests.policies.packages import make_ipa
from tests.policies.profiles import make_mobileconfig
from tests.policies.test_races import THREADS, run_at_once
from tests.policies.uploads import upload_package

pytestmark = pytest.mark.django_db
Add = Callable[..., PolicyItem]


def read_again(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def test_both_changes_stay_when_two_administrators_save_one_policy(policy: Policy) -> None:
    theirs = read_again(policy)
    update_policy(policy, name="Renamed", actor=ADMIN)
    update_policy(theirs, description="Described", actor=ADMIN)
    saved = read_again(policy)
    assert (saved.name, saved.description) == ("Renamed", "Described")


def test_a_policy_stays_deleted_when_another_administrator_saves_it_then(policy: Policy) -> None:
    theirs = read_again(policy)
    delete_policy(policy, actor=ADMIN)
    with pytest.raises(PolicyInvalid, match="was deleted"):
        update_policy(theirs, name="Back again", actor=ADMIN)
    with pytest.raises(ItemInvalid, match="was deleted"):
        add_profile_item(theirs, data=make_mobileconfig(), actor=ADMIN)
    assert not Policy.objects.filter(pk=theirs.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_a_policy_has_the_last_ones_groups_when_many_give_it_to_others_at_once(
    transactional_db: None, bootstrapped: None, policy: Policy
) -> None:
    """Without a lock each removed what it had seen and added its own: several of them stayed."""
    groups = [create_group(f"Group {number}", actor=ADMIN) for number in range(THREADS)]
    waiting = list(groups)

    def give() -> None:
        update_policy(read_again(policy), groups=[waiting.pop()], actor=ADMIN)

    assert run_at_once(give) == []
    assert policy.groups.count() == 1
    connection.close()


def test_an_item_stays_out_of_the_policy_when_another_administrator_replaces_it_then(
    policy: Policy, add_profile: Add
) -> None:
    item = add_profile()
    theirs = read_again(item)
    remove_item(item, actor=ADMIN)
    with pytest.raises(ItemInvalid, match="taken out"):
        replace_profile(theirs, data=make_mobileconfig(minLength=9), actor=ADMIN)
    assert not policy.items.exists()


def test_both_changes_stay_when_an_app_is_configured_while_it_is_replaced(policy: Policy) -> None:
    old, new = (upload_package(make_ipa(version=version)) for version in ("1.0", "2.0"))
    item = add_app_item(policy, package=old, actor=ADMIN)
    theirs = read_again(item)
    replace_package(item, package=new, actor=ADMIN)
    configure_app(theirs, configuration={"server": "a.example"}, actor=ADMIN)
    saved = read_again(item)
    assert (saved.package, get_configuration(saved)) == (new, {"server": "a.example"})


def test_no_item_installs_a_package_when_it_was_deleted_at_this_moment(policy: Policy) -> None:
    package = upload_package(make_ipa())
    theirs = read_again(package)
    delete_package(package, actor=ADMIN)
    with pytest.raises(ItemInvalid, match="was deleted"):
        add_app_item(policy, package=theirs, actor=ADMIN)
    assert not policy.items.exists()


def test_a_packages_file_stays_when_it_is_uploaded_again_while_it_is_deleted(
    django_capture_on_commit_callbacks: Any,
) -> None:
    """The new row was there, and then the old one's end took the file away."""
    data = make_ipa()
    old = upload_package(data)
    with django_capture_on_commit_callbacks(execute=True):
        transaction.on_commit(lambda: upload_package(data))  # the old row is gone, its file not yet
        delete_package(old, actor=ADMIN)
    new = Package.objects.get()
    assert new.pk != old.pk
    assert get_path(new.sha256).exists()
    with django_capture_on_commit_callbacks(execute=True):
        delete_package(new, actor=ADMIN)
    assert not get_path(new.sha256).exists()
