"""Many devices at once: start them at a rate, keep them listening for pushes."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from .apns import FakeApns
from .device import SimulatedDevice
from .errors import SimulationFailure
from .factory import FactoryAuthority
from .habits import Habits
from .network import Network
from .platforms import PLATFORMS, Platform
from .report import DeviceReport
from .store import load_devices, save_device
from .story import finish_commands, live_through, log_in
from .users import MacUser

RETRY_SECONDS = 5.0
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Plan:
    """What to run. count: devices per URL; rate: devices started per second.

    factory: the CA of all the devices' identities from the factory.
    """

    urls: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ("ios",)
    count: int = 1
    rate: float | None = None
    parallel: int = 8
    desktop: bool = False
    habits: Habits = field(default_factory=Habits)
    network: Network = field(default_factory=Network)
    factory: FactoryAuthority | None = None
    wait_managed: float | None = None
    state_dir: Path | None = None

    def list_platforms(self) -> Iterator[Platform]:
        """The platform of each of the `count` devices, in turn."""
        for name in islice(cycle(self.platforms), self.count):
            platform = PLATFORMS[name]
            yield platform.as_mac() if self.desktop and name == "ipados" else platform


class Fleet:
    """The devices of one run; say gets one line of news at a time."""

    def __init__(
        self,
        plan: Plan,
        *,
        apns: FakeApns | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.plan = plan
        self.apns = apns
        self.say = say
        self.stop = threading.Event()
        self.devices: list[SimulatedDevice] = []
        self._inbox: queue.Queue[SimulatedDevice | None] = queue.Queue()
        self._locks: dict[str, threading.Lock] = {}

    def resume(self) -> int:
        """Loads the state folder's devices; they answer pushes at once."""
        if self.plan.state_dir is None:
            return 0
        for hardware, state in load_devices(self.plan.state_dir):
            client = self.plan.network.make_client(identity=state.identity)
            device = SimulatedDevice(
                http=client, hardware=hardware, state=state, habits=self.plan.habits
            )
            self._adopt(device)
            self._register(device)
            self.ring(device)
        return len(self.devices)

    def enroll(
        self, *, done: Callable[[DeviceReport], None] = lambda report: None
    ) -> list[DeviceReport]:
        """Enrolls every planned device; done gets each report as it comes."""

        def run(device: SimulatedDevice, url: str) -> DeviceReport:
            report = live_through(device, url=url, wait_managed=self.plan.wait_managed)
            self._save(device)
            done(report)
            return report

        with ThreadPoolExecutor(self.plan.parallel) as pool:
            jobs = [pool.submit(run, device, url) for device, url in self._start_devices()]
            return [job.result() for job in jobs]

    def _start_devices(self) -> Iterator[tuple[SimulatedDevice, str]]:
        pause = 1 / self.plan.rate if self.plan.rate else 0
        for url in self.plan.urls:
            for platform in self.plan.list_platforms():
                if self.stop.is_set():
                    return
                yield self._make(platform), url
                self.stop.wait(pause)

    def _make(self, platform: Platform) -> SimulatedDevice:
        client = self.plan.network.make_client()
        device = SimulatedDevice(
            platform, http=client, habits=self.plan.habits, factory=self.plan.factory
        )
        self._adopt(device)
        return device

    def _adopt(self, device: SimulatedDevice) -> None:
        self.devices.append(device)
        self._locks[device.udid] = threading.Lock()
        device.on_token = self._register
        device.on_user = self._register_user
        device.on_gone = self._unregister
        if self.plan.network.client_certificates:
            device.on_identity = self._show_certificate

    def _show_certificate(self, device: SimulatedDevice) -> None:
        device.http = self.plan.network.make_client(identity=device.identity)

    def _register(self, device: SimulatedDevice) -> None:
        if self.apns:
            state = device.state
            self.apns.register(
                state.token, state.push_magic, device.topic, lambda: self.ring(device)
            )

    def _register_user(self, user: MacUser) -> None:
        def wake() -> None:
            user.wake.set()
            self.ring(user.device)

        if self.apns:
            self.apns.register(user.token, user.push_magic, user.device.topic, wake)

    def _unregister(self, device: SimulatedDevice) -> None:
        if self.apns:
            for token in (device.state.token, *(user.token for user in device.users.values())):
                self.apns.unregister(token)

    def ring(self, device: SimulatedDevice) -> None:
        """Wakes a device: it opens a connection as soon as a thread is free."""
        device.wake.set()
        self._inbox.put(device)

    def stay(self, *, poll: float | None = None) -> None:
        """Answers pushes until `stop` is set; poll: also connect every so many seconds."""
        workers = [
            threading.Thread(target=self._listen, daemon=True) for _ in range(self.plan.parallel)
        ]
        for worker in workers:
            worker.start()
        next_poll = time.monotonic() + poll if poll else None
        while not self.stop.wait(LOOK_SECONDS if poll is None else min(poll, LOOK_SECONDS)):
            if poll and next_poll and time.monotonic() >= next_poll:
                next_poll = time.monotonic() + poll
                self._ring_all()
        for _ in workers:
            self._inbox.put(None)
        for worker in workers:
            worker.join(RETRY_SECONDS)

    def _ring_all(self) -> None:
        for device in self.devices:
            if device.is_enrolled:
                self.ring(device)

    def _listen(self) -> None:
        while (device := self._inbox.get()) is not None:
            with self._locks[device.udid]:
                # Several pushes before the device got round to it are one.
                if device.wake.is_set() and device.is_enrolled:
                    device.wake.clear()
                    self._connect(device)

    def _connect(self, device: SimulatedDevice) -> None:
        before = len(device.obeyed)
        try:
            finish_commands(device, device.connect())
            if not device.users:  # resumed: nobody has logged in again yet
                log_in(device)
            for user in list(device.users.values()):
                if user.wake.is_set():
                    user.wake.clear()
                    user.connect()
        except SimulationFailure as failure:
            self.say(f"{device.hardware.name}: {failure.reason}; again in {RETRY_SECONDS:g} s")
            threading.Timer(RETRY_SECONDS, self.ring, [device]).start()
        self._save(device)
        for each in device.obeyed[before:]:
            self.say(f"{device.hardware.name}: {each.request_type} → {each.status}")

    def _save(self, device: SimulatedDevice) -> None:
        if self.plan.state_dir is not None:
            save_device(self.plan.state_dir, hardware=device.hardware, state=device.state)
