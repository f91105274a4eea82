"""A session that begins with the Profile Service, and a device with an identity of its factory."""

from pathlib import Path
from typing import Any

import pytest

from enrollment.models import EnrollmentSession
from tests.enrollment.conftest import MakeSession, MakeToken
from tests.simulator.factory import FactoryAuthority, make_authority
from tests.simulator.hardware import Hardware, make_hardware
from tests.simulator.state import Identity


@pytest.fixture(scope="module")
def factory() -> FactoryAuthority:
    return make_authority()


@pytest.fixture(autouse=True)
def trusted(settings: Any, tmp_path: Path, factory: FactoryAuthority) -> None:
    """The server takes the tests' CA for Apple's."""
    path = tmp_path / "device-ca.pem"
    path.write_bytes(factory.ca_pem)
    settings.DEVICE_CA = str(path)


@pytest.fixture
def session(make_token: MakeToken, make_session: MakeSession) -> EnrollmentSession:
    return make_session(make_token(profile_service=True))


@pytest.fixture
def hardware() -> Hardware:
    return make_hardware("ios")


@pytest.fixture
def identity(factory: FactoryAuthority, hardware: Hardware) -> Identity:
    return factory.make_identity(hardware)
