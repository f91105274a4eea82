"""R10: a server is lost and comes back from its backup, on another kind of database as well."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from tests.flows.server import Server
from tests.services import ServiceMissing, find_free_port, run_postgresql
from tests.simulator.apns import FakeApns
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure

pytestmark = [pytest.mark.slow, pytest.mark.services]
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def databases() -> Iterator[list[str]]:
    """SQLite, PostgreSQL, SQLite again: a restore in each direction."""
    with contextlib.ExitStack() as stack:
        # Not pytest's folder: the cluster's own user must reach this one.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="guardmdm-backup-")))
        folder.chmod(0o755)
        try:
            url = stack.enter_context(run_postgresql(folder / "cluster"))
        except ServiceMissing as missing:
            pytest.skip(str(missing))
        yield ["", url, ""]


def build_server(folder: Path, *, database: str, apns: FakeApns, port: int | None) -> Server:
    folder.mkdir()
    (folder / "apns-ca.pem").write_bytes(apns.ca_pem)
    environment = {
        "GUARDMDM_APNS_HOST": "127.0.0.1",
        "GUARDMDM_APNS_PORT": str(apns.port),
        "GUARDMDM_APNS_CA": str(folder / "apns-ca.pem"),
    }
    if database:
        environment["GUARDMDM_DATABASE_URL"] = database
    return Server(folder, environment, port or find_free_port())


def read_lists(server: Server, certificates: list[x509.Certificate]) -> dict[str, int]:
    """The number of every list that the certificates name, by URL."""
    numbers = {}
    for certificate in certificates:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
        (point,) = points.value
        assert point.full_name
        url = str(point.full_name[0].value)
        listed = x509.load_der_x509_crl(httpx.get(url).content)
        number = listed.extensions.get_extension_for_class(x509.CRLNumber).value
        numbers[url] = number.crl_number
    return numbers


def enroll(url: str) -> SimulatedDevice:
    device = SimulatedDevice("ios")
    device.enroll(url)
    return device


def revoke(server: Server, key: str, device: SimulatedDevice) -> None:
    with httpx.Client(
        base_url=f"{server.base_url}/api/v1/", headers={"Authorization": f"Bearer {key}"}
    ) as api:
        assert device.certificate is not None
        serial = f"{device.certificate.serial_number:x}"
        (row,) = api.get("scep/certificates", params={"search": serial}).json()["results"]
        api.post(
            f"scep/certificates/{row['id']}/revoke", json={"reason": "superseded"}
        ).raise_for_status()


def test_old_devices_check_in_and_lists_go_on_when_a_lost_server_is_restored(
    databases: list[str], apns: FakeApns, tmp_path: Path
) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    server = build_server(tmp_path / "0", database=databases[0], apns=apns, port=None)
    url: Any = server.manage("bootstrap", "--org", "Example Corp", "--demo")["enrollment_url"]
    key: str = server.manage("create_api_key", "--name", "k", "--role", "administrator")["key"]
    server.start()
    try:
        device, refused = enroll(url), enroll(url)
        revoke(server, key, refused)
        assert device.certificate is not None
        for number, database in enumerate(databases[1:], start=1):
            file = tmp_path / f"{number}.backup"
            arguments = (str(file), "--passphrase-file", str(passphrase))
            made = server.manage("backup", *arguments)  # beside the running server
            extra = enroll(url)
            revoke(server, key, extra)
            published = read_lists(server, [device.certificate])
            server.stop()

            folder = tmp_path / str(number)
            server = build_server(folder, database=database, apns=apns, port=server.port)
            restored = server.manage("restore", *arguments)
            assert (restored["rows"], restored["notes"]) == (made["rows"], [])
            server.start()

            device.connect()
            for gone in (refused, extra):  # the one that the backup does not know either
                with pytest.raises(SimulationFailure) as failure:
                    gone.connect()
                assert failure.value.status == 403
            now = read_lists(server, [device.certificate])
            assert now.keys() == published.keys()
            assert all(now[url] > published[url] for url in now)
            assert enroll(url).is_enrolled  # keys open, counters count on
    finally:
        server.stop()
