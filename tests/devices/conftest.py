"""Devices with identities of the server's own CA, and what the app says about them."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulator.apns import FakeApns

if TYPE_CHECKING:
    from tests.devices.fleet import Fleet
    from tests.devices.mdm_device import MdmDevice

MakeDevice = Callable[..., "MdmDevice"]
Enroll = Callable[[], "MdmDevice"]
News = dict[str, list[dict[str, Any]]]
PassTime = Callable[[timedelta], None]


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
def phone(make_device: MakeDevice) -> "MdmDevice":
    """One that is enrolled and has answered all that it was asked since."""
    device = make_device().enroll()
    device.answer_everything()
    return device


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> PassTime:
    """Let the devices' URLs see a clock that is ahead by this much."""
    from django.utils import timezone

    def forward(delta: timedelta) -> None:
        moment = timezone.now() + delta
        monkeypatch.setattr("devices.views.timezone.now", lambda: moment)

    return forward


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
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks of pushes that were given to the broker."""
    from devices import tasks

    names: list[str] = []
    for name in ("send_requested_pushes", "tell_push_departures"):

        def note(_name: str = name) -> str:
            names.append(_name)
            return _name

        monkeypatch.setattr(getattr(tasks, name), "delay", note)
    return names


@pytest.fixture
def apns(settings: Any, tmp_path: Path) -> Iterator[FakeApns]:
    """A push service that the server under test is told to use."""
    from tests.devices.pushing import close_channels

    with FakeApns() as fake:
        (tmp_path / "ca.pem").write_bytes(fake.ca_pem)
        settings.APNS_HOST, settings.APNS_PORT = "127.0.0.1", fake.port
        settings.APNS_CA = str(tmp_path / "ca.pem")
        yield fake
        close_channels()


@pytest.fixture
def enroll(make_device: MakeDevice, apns: FakeApns) -> Enroll:
    """Enroll a device that APNs knows; its enrollment has asked for a push."""

    def make() -> "MdmDevice":
        device = make_device().enroll()
        apns.register(device.token, device.magic, device.topic)
        return device

    return make


@pytest.fixture
def fleet(db: None, bootstrapped: None, apns: FakeApns) -> "Fleet":
    from tests.devices.fleet import Fleet

    return Fleet(apns)
