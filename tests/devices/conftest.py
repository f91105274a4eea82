"""Devices with identities of the server's own CA, and what the app says about them."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.devices.mdm_device import MdmDevice

MakeDevice = Callable[..., "MdmDevice"]
News = dict[str, list[dict[str, Any]]]


@pytest.fixture
def make_device(db: None, bootstrapped: None, settings: Any) -> MakeDevice:
    """Make a device that is not enrolled; each has a session, a certificate and a UDID."""
    from django.utils import timezone

    from devices.models import Group
    from tests.devices.mdm_device import MdmDevice, make_identity

    settings.MDM_ADMISSION = "tests.devices.admission.admit"
    group, _ = Group.objects.get_or_create(name="Engineering")

    def make(**facts: Any) -> MdmDevice:
        facts.setdefault("group", group)
        return MdmDevice(make_identity(now=timezone.now()), **facts)

    return make


@pytest.fixture
def news(db: None, bootstrapped: None) -> Iterator[News]:
    """Every signal of the app that was sent, by its name."""
    from django.dispatch import Signal

    from devices import signals

    heard: News = defaultdict(list)
    receivers = []
    for name, signal in vars(signals).items():
        if isinstance(signal, Signal):

            def hear(_name: str = name, **values: Any) -> None:
                heard[_name].append(values)

            signal.connect(hear, weak=False)
            receivers.append((signal, hear))
    yield heard
    for signal, hear in receivers:
        signal.disconnect(hear)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The enrollments for which a push task was given to the broker."""
    from devices.tasks import push_device

    ids: list[int] = []
    monkeypatch.setattr(push_device, "delay", ids.append)
    return ids
