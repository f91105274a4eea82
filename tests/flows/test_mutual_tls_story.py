"""TLS mutual authentication through the real nginx with deploy/nginx.conf and nginx-mtls.conf."""

import plistlib
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.flows.server import Server, find_id, make_token
from tests.guardmdm.test_nginx import NGINX, ROOT, write_certificate, write_configuration
from tests.services import find_free_port, wait_for_port
from tests.simulator.device import SimulatedDevice
from tests.simulator.network import Network
from tests.simulator.scep import build_self_signed, generate_key
from tests.simulator.state import Identity

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]


class Site:
    """A server of its own behind nginx; `url` is what devices use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = find_free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.server = Server(
            folder,
            {
                "GUARDMDM_BASE_URL": self.url,
                "GUARDMDM_CLIENT_CERT_HEADER": "X-Client-Cert",
                "GUARDMDM_TRUSTED_PROXIES": "127.0.0.1",
            },
        )

    def start(self) -> "subprocess.Popen[bytes]":
        write_certificate(self.folder)
        self.server.manage("bootstrap", "--org", "Example Corp", "--demo")
        self.server.start()
        roots = httpx.get(f"{self.server.base_url}/enroll/ca.pem").raise_for_status()
        (self.folder / "device-ca.pem").write_bytes(roots.content)
        write_configuration(
            self.folder,
            port=self.port,
            plain_port=find_free_port(),
            upstream_port=self.server.port,
        )
        mtls = (ROOT / "deploy" / "nginx-mtls.conf").read_text()
        mtls = mtls.replace("/etc/nginx/tls/", f"{self.folder}/")
        (self.folder / "mtls.conf").write_text(mtls)
        configuration = (self.folder / "nginx.conf").read_text()
        assert "include /etc/nginx/mtls*.conf;" in configuration
        (self.folder / "nginx.conf").write_text(
            configuration.replace("/etc/nginx/mtls*", f"{self.folder}/mtls*")
        )
        assert NGINX is not None
        nginx = subprocess.Popen(
            [
                NGINX,
                "-p",
                str(self.folder),
                "-c",
                str(self.folder / "nginx.conf"),
                "-g",
                "daemon off;",
            ]
        )
        wait_for_port(self.port, seconds=240)
        return nginx

    def make_token(self) -> str:
        name = ("--name", "stories", "--role", "administrator")
        headers = {"Authorization": f"Bearer {self.server.manage('create_api_key', *name)['key']}"}
        with httpx.Client(base_url=f"{self.server.base_url}/api/v1/", headers=headers) as api:
            profile = find_id(api, "scep/profiles", name="Default")
            return str(make_token(api, scep_profile=profile)["url"])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="guardmdm-mtls-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's workers are another user
        (folder / "static").mkdir()
        site = Site(folder)
        nginx = site.start()
        yield site
        nginx.terminate()
        nginx.wait()
        site.server.stop()


@pytest.fixture(scope="module")
def network(site: Site) -> Network:
    return Network(ca_file=site.folder / "certificate.pem", client_certificates=True)


@pytest.fixture(scope="module")
def device(site: Site, network: Network) -> SimulatedDevice:
    """An iPhone that shows its identity in TLS as soon as it has one, as Apple's do."""
    device = SimulatedDevice("ios", http=network.make_client())

    def take_identity(each: SimulatedDevice) -> None:
        each.http = network.make_client(identity=each.state.identity)

    device.on_identity = take_identity
    device.enroll(site.make_token())
    return device


def open_connection(site: Site, identity: Identity | None = None) -> httpx.Client:
    """A TLS client with this identity, and without Mdm-Signature."""
    context = ssl.create_default_context(cafile=str(site.folder / "certificate.pem"))
    if identity is not None:
        key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = site.folder / "client.pem"
        path.write_bytes(key + identity.certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(path)
    return httpx.Client(base_url=site.url, verify=context, trust_env=False, timeout=30)


def connect(client: httpx.Client, device: SimulatedDevice, **headers: str) -> int:
    body = plistlib.dumps({"Status": "Idle", "UDID": device.udid})
    return client.put("/mdm/connect", content=body, headers=headers).status_code


def test_a_device_is_known_by_its_tls_connection_alone(site: Site, device: SimulatedDevice) -> None:
    assert device.is_enrolled
    with open_connection(site, device.state.identity) as client:
        assert connect(client, device) == 200
    with open_connection(site) as client:
        assert connect(client, device) == 403


def test_a_device_signs_as_well_and_both_agree(device: SimulatedDevice) -> None:
    device.connect()


def test_what_a_client_claims_in_any_spelling_is_not_believed(
    site: Site, device: SimulatedDevice
) -> None:
    assert device.state.identity is not None
    pem = device.state.identity.certificate.public_bytes(Encoding.PEM).decode()
    forged = quote(pem, safe="")
    spellings = ("X-Client-Cert", "x_client_cert", "X_Client_Cert", "X_Client-Cert", "Client-Cert")
    with open_connection(site) as client:
        assert [connect(client, device, **{name: forged}) for name in spellings] == [403] * 5


def test_a_certificate_from_elsewhere_opens_the_page_but_no_device_url(
    site: Site, device: SimulatedDevice
) -> None:
    key = generate_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])
    stranger = Identity(key, build_self_signed(key, subject=name))
    with open_connection(site, stranger) as client:
        assert client.get("/healthz").status_code == 200
        assert connect(client, device) == 403


def test_a_certificate_that_nginx_would_refuse_is_judged_by_the_server(
    site: Site, device: SimulatedDevice
) -> None:
    """Else nobody would learn why a device is silent, and the page would be closed to its owner."""
    key, now = generate_key(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])
    expired = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now - timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    with open_connection(site, Identity(key, expired)) as client:
        assert client.get("/healthz").status_code == 200
        assert connect(client, device) == 403


def test_a_browser_is_told_whose_certificates_are_meant(site: Site) -> None:
    """Without the list it would offer its person every certificate that it has."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-servername", "x"]
    said = subprocess.run(command, input=b"", capture_output=True, check=False).stdout.decode()
    names = said.partition("Acceptable client certificate CA names")[2].splitlines()[1]
    assert "Example Corp" in names
