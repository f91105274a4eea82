"""deploy/nginx.conf in a real nginx, in front of a real granian."""

import contextlib
import datetime
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.flows.server import wait_for
from tests.services import find_free_port, wait_for_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "eyJhbGciOiJSUzI1NiJ9." + "eyJ" + "x" * 3900 + ".c2lnbmF0dXJl"

PACKAGE = bytes(range(256)) * 100

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]


def write_certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    addresses = [x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def write_configuration(folder, *, port, plain_port, upstream_port):
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    replacements = {
        "pid /run/nginx.pid": f"pid {folder}/nginx.pid",
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
        "server web:8000": f"server 127.0.0.1:{upstream_port}",
        "listen 80;": f"listen 127.0.0.1:{plain_port};",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/nginx/tls/": f"{folder}/",
        "/srv/guardmdm/static/": f"{folder}/static/",
        "/srv/guardmdm/packages/": f"{folder}/packages/",
    }
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="guardmdm-nginx-") as name:
        Path(name).chmod(0o755)  # nginx's workers are another user
        yield Path(name)


@pytest.fixture(scope="module")
def proxy(folder):
    (folder / "static").mkdir()
    (folder / "static" / "app.js").write_text("static")
    (folder / "packages").mkdir()
    (folder / "packages" / "abc").write_bytes(PACKAGE)
    port, plain_port, upstream_port = (find_free_port() for _ in range(3))
    write_certificate(folder)
    write_configuration(folder, port=port, plain_port=plain_port, upstream_port=upstream_port)
    configuration = ["-p", str(folder), "-c", str(folder / "nginx.conf")]
    subprocess.run([NGINX, *configuration, "-t"], check=True, capture_output=True)
    web = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"]
    web += ["--port", str(upstream_port), "tests.guardmdm.echo:application"]
    processes = [
        subprocess.Popen(web, cwd=ROOT),
        subprocess.Popen([NGINX, *configuration, "-g", "daemon off;"]),
    ]
    for each in (port, upstream_port):
        wait_for_port(each, seconds=240)
    with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=False, timeout=30) as client:
        client.plain_url = f"http://127.0.0.1:{plain_port}"
        client.folder = folder
        yield client
    for process in processes:
        process.terminate()
        process.wait()


def test_an_enrollment_url_of_the_largest_size_arrives(proxy):
    seen = proxy.get("/enroll", params={"token": TOKEN}).json()
    assert seen["QUERY_STRING"] == f"token={TOKEN}"


def test_a_signature_header_with_a_chain_of_certificates_arrives(proxy):
    signature = "MII" + "A" * 20_000
    seen = proxy.put("/mdm/connect", headers={"Mdm-Signature": signature}, content=b"x").json()
    assert seen["HTTP_MDM_SIGNATURE"] == signature


def test_a_result_of_many_megabytes_arrives_and_a_larger_one_does_not(proxy):
    assert proxy.put("/mdm/connect", content=b"x" * 9_000_000).json()["body_bytes"] == "9000000"
    assert proxy.put("/mdm/connect", content=b"x" * 11_000_000).status_code == 413


def test_what_a_client_claims_about_itself_is_replaced(proxy):
    forged = {
        "X-Forwarded-For": "203.0.113.66",
        "X-Forwarded-Proto": "http",
        "X-Client-Cert": "forged",
        "X-SSL-Client-Cert": "forged",
        "X-SSL-Client-Verify": "SUCCESS",
        "X-Forwarded-Client-Cert": "forged",
        "Ssl-Client-Cert": "forged",
        "Client-Cert": "forged",
        "X_Client_Cert": "forged",
    }
    seen = proxy.get("/mdm/connect", headers=forged).json()
    assert seen["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert seen["HTTP_X_FORWARDED_PROTO"] == "https"
    assert "forged" not in str(seen)
    assert "SUCCESS" not in str(seen)


def test_clients_that_stall_in_head_or_body_hold_nobody_up(proxy):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    head = b"PUT /mdm/connect HTTP/1.1\r\nHost: localhost\r\n"
    with contextlib.ExitStack() as stack:
        for part in [head] * 40 + [head + b"Content-Length: 5000\r\n\r\n<plist>"] * 40:
            plain = socket.create_connection(("127.0.0.1", proxy.base_url.port))
            stack.enter_context(context.wrap_socket(plain)).sendall(part)
        assert proxy.put("/mdm/connect", content=b"x", timeout=8).json()["body_bytes"] == "1"


def test_no_token_is_in_any_log(proxy):
    proxy.get("/enroll", params={"token": TOKEN}, headers={"Referer": f"https://x/?{TOKEN}"})
    proxy.get("/static/missing", params={"token": TOKEN})
    proxy.get("/enroll", params={"token": "x" * 40_000 + TOKEN})
    proxy.get("/e/abcdefgh234567")

    def read_logs():
        return b"".join(path.read_bytes() for path in proxy.folder.glob("*.log"))

    # nginx writes its line when the answer has been sent.
    wait_for(lambda: b'"GET /e/" ' in read_logs(), what="the line of the last request")
    logs = read_logs()
    assert b"abcdefgh" not in logs
    assert b'"GET /enroll" 200' in logs
    assert b"eyJ" not in logs


def test_static_files_come_from_nginx_and_may_be_kept(proxy):
    answer = proxy.get("/static/app.js")
    assert answer.text == "static"
    assert "immutable" in answer.headers["Cache-Control"]


def test_plain_http_is_sent_to_https(proxy):
    answer = httpx.get(f"{proxy.plain_url}/enroll", params={"token": "x"})
    assert answer.status_code == 301
    assert answer.headers["Location"] == "https://127.0.0.1/enroll?token=x"


def test_a_package_of_more_than_a_page_arrives_at_its_two_doors(proxy):
    for path in ("/console/packages/new", "/api/v1/packages"):
        seen = proxy.post(path, content=b"x" * 30_000_000).json()
        assert seen["body_bytes"] == "30000000"
    assert proxy.post("/api/v1/policies", content=b"x" * 30_000_000).status_code == 413


def test_packages_come_from_nginx_in_parts(proxy):
    path = "/apps/0123456789abcdef/package.pkg"
    whole = proxy.get(path)
    assert (whole.status_code, whole.content) == (200, PACKAGE)
    assert whole.headers["Cache-Control"] == "public, immutable"
    part = proxy.get(path, headers={"Range": "bytes=100-199", "If-Range": whole.headers["ETag"]})
    assert (part.status_code, part.content) == (206, PACKAGE[100:200])
    head = proxy.head(path)
    assert head.headers["Content-Length"] == str(len(PACKAGE))
    assert b"0123456789abcdef" not in (proxy.folder / "access.log").read_bytes()


def test_nobody_gets_a_package_past_the_server(proxy):
    assert proxy.get("/package-files/abc").status_code == 404
    claimed = proxy.get("/enroll", headers={"X-Sendfile-Type": "X-Accel-Redirect"}).json()
    assert "HTTP_X_SENDFILE_TYPE" not in claimed
