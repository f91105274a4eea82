from collections.abc import Callable

import pytest

from devices.models import Group
from devices.services.groups import create_group
from policies.models import Policy, PolicyItem
from policies.services.items import add_app_item, add_profile_item
from policies.services.policies import create_policy
from tests.policies.device import Handheld, enroll
from tests.policies.profiles import make_mobileconfig

ADMIN = "admin@example.com"


@pytest.fixture
def group(db: None) -> Group:
    return create_group("Engineers", actor=ADMIN)


@pytest.fixture
def policy(group: Group) -> Policy:
    return create_policy("Baseline", groups=[group], actor=ADMIN)


@pytest.fixture
def device(group: Group) -> Handheld:
    return Handheld(enroll(group))


@pytest.fixture
def add_profile(policy: Policy) -> Callable[..., PolicyItem]:
    def add(name: str = "Passcode", **options: object) -> PolicyItem:
        data = make_mobileconfig(name)
        return add_profile_item(policy, data=data, actor=ADMIN, **options)  # type: ignore[arg-type]

    return add


@pytest.fixture
def add_app(policy: Policy) -> Callable[..., PolicyItem]:
    def add(
        name: str = "Pages", *, itunes_store_id: int = 361309726, **options: object
    ) -> PolicyItem:
        return add_app_item(
            policy,
            name=name,
            itunes_store_id=itunes_store_id,
            actor=ADMIN,
            **options,  # type: ignore[arg-type]
        )

    return add
