"""One simulated Apple device, from the landing page to obeying commands."""

import secrets
import threading
import time
from collections.abc import Callable

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from . import checkin, declarative, installing, profile_service, web
from .channel import MdmChannel
from .connection import ObeyedCommand, run_connection
from .errors import SimulationFailure
from .factory import FactoryAuthority, make_authority
from .habits import Habits, Misbehaviour, RenewalHabit
from .hardware import Hardware, make_hardware
from .network import read_system_roots
from .platforms import Platform
from .profile_check import (
    CheckedProfile,
    Plist,
    check_enrollment,
    check_profile,
    decode_plist,
    open_profile,
)
from .report import Step, StepRecorder
from .sign_in import sign_in
from .state import DeviceState, Identity, InstalledApplication, InstalledProfile
from .trust import load_pem_roots
from .users import MacUser


def _ignore(subject: object) -> None:
    """The callback of a device that nobody watches."""


class SimulatedDevice:
    """A device and its state; every public step raises SimulationFailure.

    http: one client for all its requests, so that a test may pass
    `httpx.Client(transport=httpx.WSGITransport(app))`; its own by default.
    key: used for the first identity instead of a fresh one (fast tests).
    factory: who makes its identity for the Profile Service; a CA that nobody trusts by default.
    on_identity runs once the device has a new certificate, on_token before a TokenUpdate
    is sent, on_gone before the device forgets that it was managed; all get the device.
    on_user runs before a user's TokenUpdate is sent, and gets the user.
    turn is held while it enrolls, connects or checks out: a device does one of these at a time.
    """

    def __init__(
        self,
        platform: Platform | str = "ios",
        *,
        http: httpx.Client | None = None,
        habits: Habits | None = None,
        hardware: Hardware | None = None,
        state: DeviceState | None = None,
        key: rsa.RSAPrivateKey | None = None,
        factory: FactoryAuthority | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.hardware = hardware or make_hardware(platform)
        self.habits = habits or Habits()
        self.http = http or httpx.Client(timeout=30, trust_env=False, verify=read_system_roots())
        self.state = state or DeviceState()
        self.sleep = sleep
        self.on_token: Callable[[SimulatedDevice], None] = _ignore
        self.on_gone: Callable[[SimulatedDevice], None] = _ignore
        self.on_identity: Callable[[SimulatedDevice], None] = _ignore
        self.on_user: Callable[[MacUser], None] = _ignore
        self.wake = threading.Event()
        self.turn = threading.RLock()
        self.obeyed: list[ObeyedCommand] = []
        self.profile: CheckedProfile | None = None
        self.service_identity: Identity | None = None
        self.extra_identities: dict[str, list[Identity]] = {}
        self.users: dict[str, MacUser] = {}
        self.not_now_left = self.habits.first_not_now
        self.renewals_seen = 0
        self.end_after_answer: str | None = None
        self.token_update_due = False
        self.declarations_due: bytes | None = None
        self.return_profile: bytes | None = None
        self._key = key
        self._factory = factory
        self._factory_identity: Identity | None = None
        self._page: httpx.Response | None = None
        self._recorder = StepRecorder(self.habits)

    @property
    def udid(self) -> str:
        return self.hardware.udid

    @property
    def serial(self) -> str:
        return self.hardware.serial

    @property
    def factory(self) -> FactoryAuthority:
        """The CA of the device's identity from the factory."""
        if self._factory is None:
            self._factory = make_authority()
        return self._factory

    @property
    def factory_identity(self) -> Identity:
        """What the device signs with until a server gives it a certificate; always the same."""
        if self._factory_identity is None:
            digest = self.hardware.platform.factory
            self._factory_identity = self.factory.make_identity(self.hardware, digest=digest)
        return self._factory_identity

    @property
    def steps(self) -> list[Step]:
        return self._recorder.steps

    @property
    def profiles(self) -> dict[str, InstalledProfile]:
        """The profile store, by PayloadIdentifier."""
        return self.state.profiles

    @property
    def applications(self) -> dict[str, InstalledApplication]:
        """The managed apps, by bundle identifier."""
        return self.state.applications

    @property
    def identity(self) -> Identity | None:
        return self.state.identity

    @property
    def certificate(self) -> x509.Certificate | None:
        return self.state.identity.certificate if self.state.identity else None

    @property
    def is_enrolled(self) -> bool:
        """Whether the server has accepted a TokenUpdate and nothing ended it since."""
        return self.state.checked_in

    @property
    def mdm(self) -> Plist:
        """The MDM payload in force; raises SimulationFailure when unmanaged."""
        if self.state.mdm is None:
            raise SimulationFailure("the device is not managed")
        return self.state.mdm

    @property
    def topic(self) -> str:
        """The APNs topic of the MDM payload."""
        return str(self.mdm["Topic"])

    def enroll(self, url: str) -> list[ObeyedCommand]:
        """Everything from the page to the first connection; returns what was obeyed."""
        with self.turn:
            if not self.habits.direct:
                self.open_page(url)
            self.download_profile(url)
            self.obtain_identity()
            if self.habits.does(Misbehaviour.REUSED_CHALLENGE):
                self._key = None
                self.obtain_identity(step="second_identity")
            self.authenticate()
            self.token_update()
            return self.connect()

    def open_page(self, url: str) -> str:
        """GETs the landing page as the platform's Safari; returns its HTML."""
        agent = self.hardware.platform.safari
        with self._recorder.step("page"):
            self._page = web.open_page(self.http, url=url, user_agent=agent)
            return self._page.text

    def download_profile(self, url: str) -> CheckedProfile:
        """Opens a session, fetches root CA and profile, verifies and checks it.

        Without open_page before it, the profile comes from /enroll/profile directly.
        """
        agent = self.hardware.platform.safari
        with self._recorder.step("session"):
            session = self._open_session(url)
            self.state.status_url = session.status_url
        with self._recorder.step("root"):
            pem = web.download_root(self.http, url=url, user_agent=agent)
            self.state.roots_pem = pem
        with self._recorder.step("profile"):
            blob = web.download_profile(self.http, url=session.profile_url, user_agent=agent)
            roots = load_pem_roots(pem)
            plist, _ = open_profile(blob, roots=roots, must_be_signed=True)
            if plist.get("PayloadType") != profile_service.SERVICE:
                profile = check_profile(blob, roots=roots, must_be_signed=True)
                check_enrollment(profile)
        if plist.get("PayloadType") == profile_service.SERVICE:
            profile = self._pass_profile_service(plist)
        self.profile = profile
        return profile

    def _pass_profile_service(self, plist: Plist) -> CheckedProfile:
        """Phases 2 and 3, in which the device tells who it is; returns the enrollment profile."""
        content = profile_service.check_service(plist)
        with self._recorder.step("identify"):
            payload = profile_service.identify(self, content)
        with self._recorder.step("service_certificate"):
            identity = installing.make_identity_maker(self).obtain(payload)
            self.service_identity = identity
        with self._recorder.step("configure"):
            profile = profile_service.configure(self, content, identity=identity)
            check_enrollment(profile)
        return profile

    def _open_session(self, url: str) -> web.OpenedSession:
        session = None
        if self._page is not None:
            agent = self.hardware.platform.safari
            if self.habits.person:
                session = sign_in(
                    self.http, page=self._page, person=self.habits.person, user_agent=agent
                )
            session = session or web.open_session(self.http, page=self._page, user_agent=agent)
        return session or web.direct_session(url)

    def obtain_identity(self, *, step: str = "identity") -> Identity:
        """Follows the downloaded profile's identity payload and installs the profile."""
        with self._recorder.step(step):
            if self.profile is None:
                raise SimulationFailure("no profile was downloaded")
            return installing.install_enrollment(self, self.profile, key=self._key)

    def authenticate(self) -> None:
        """The check-in that starts an enrollment."""
        with self._recorder.step("authenticate"):
            self.check_in(checkin.build_authenticate(self.hardware, topic=self.topic))

    def token_update(self) -> None:
        """Tells the server where to push; the first one completes the enrollment."""
        with self._recorder.step("token_update"):
            self.on_token(self)
            self.check_in(self._build_token_update())
            self.state.unlock_token_sent = True
            self.state.checked_in = True

    def _build_token_update(self) -> Plist:
        message = checkin.build_token_update(self.hardware, topic=self.topic, state=self.state)
        if self.habits.does(Misbehaviour.OTHER_UDID):
            message["UDID"] = make_hardware(self.hardware.platform).udid
        return message

    def check_in(self, message: Plist) -> bytes:
        """PUTs any check-in message and returns the body, for unusual ones too."""
        return self.channel().check_in(message)

    def channel(self) -> MdmChannel:
        """The signed way to the MDM server; raises SimulationFailure when unmanaged."""
        if self.state.identity is None:
            raise SimulationFailure("the device has no identity")
        return MdmChannel(self.http, self.hardware, self.habits, self.mdm, self.state.identity)

    def connect(self) -> list[ObeyedCommand]:
        """One connection; a renewal during it is followed by a TokenUpdate."""
        with self.turn:
            return self._connect()

    def _connect(self) -> list[ObeyedCommand]:
        done: list[ObeyedCommand] = []
        with self._recorder.step("connect") as detail:
            for obeyed in run_connection(self):
                done.append(obeyed)
                self.obeyed.append(obeyed)
            detail["commands"] = [f"{each.request_type}: {each.status}" for each in done]
        if self.token_update_due and self.is_enrolled:
            self.token_update_due = False
            self.token_update()
        if self.declarations_due is not None and self.is_enrolled:
            data, self.declarations_due = self.declarations_due, None
            with self._recorder.step("declarations"):
                declarative.synchronize(self, data=data)
        if self.state.erased and self.return_profile is not None:
            self.return_to_service()
        return done

    def answer_push(self, *, seconds: float) -> None:
        """Waits that long for a push, and connects unless the device is no longer managed."""
        if not self.wake.wait(seconds):
            return
        with self.turn:
            self.wake.clear()
            if self.is_enrolled:
                self.connect()

    def log_in(self, short_name: str, *, network: bool = False) -> MacUser:
        """A user logs in to this Mac; `is_managed` says whether they got a channel."""
        with self._recorder.step("log_in"):
            if not self.hardware.platform.is_mac:
                raise SimulationFailure("only Macs have users")
            user = self.users.setdefault(short_name, MacUser(self, short_name))
            user.log_in(network=network)
            return user

    def escrow_bootstrap_token(self) -> None:
        """SetBootstrapToken, as a Mac does when its first user logs in."""
        token = secrets.token_bytes(256)
        message = checkin.build_message(self.hardware, kind="SetBootstrapToken")
        self.check_in(message | {"BootstrapToken": token})
        self.state.bootstrap_token = token

    def fetch_bootstrap_token(self) -> bytes | None:
        """GetBootstrapToken; None where the server has none."""
        body = self.check_in(checkin.build_message(self.hardware, kind="GetBootstrapToken"))
        return decode_plist(body).get("BootstrapToken") if body else None

    def return_to_service(self) -> list[ObeyedCommand]:
        """After an erase: enrolls by the profile that the command brought, as a new device."""
        blob, self.return_profile = self.return_profile, None
        if blob is None:
            raise SimulationFailure("the erase brought no profile to come back with")
        with self._recorder.step("return"):
            self.profile = check_profile(blob, must_be_signed=True)
            check_enrollment(self.profile)
            self._key = None
        self.obtain_identity()
        self.authenticate()
        self.token_update()
        return self.connect()

    def does_now(self, habit: RenewalHabit) -> bool:
        """Whether this is how the device meets the renewal that has just come, its first."""
        return self.habits.renewal is habit and self.renewals_seen == 1

    def check_out(self) -> None:
        """CheckOut, after which the device is unmanaged."""
        with self.turn, self._recorder.step("check_out"):
            self.check_in(checkin.build_check_out(self.hardware, topic=self.topic))
            self._forget()

    def end_management(self) -> None:
        """After the last answer: an erase says nothing, a removal may check out."""
        ending, self.end_after_answer = self.end_after_answer, None
        if ending == "unenrolled" and self.mdm.get("CheckOutWhenRemoved", False):
            self.check_out()
        else:
            self._forget(erased=ending == "erased")

    def _forget(self, *, erased: bool = False) -> None:
        self.on_gone(self)
        self.state = DeviceState(erased=erased)
        self.extra_identities.clear()
        self.users.clear()

    def read_session_state(self) -> str | None:
        """The enrollment session's state in lower case; None where it is unknown."""
        if self.state.status_url is None:
            return None
        agent = self.hardware.platform.safari
        return web.read_state(self.http, url=self.state.status_url, user_agent=agent)
