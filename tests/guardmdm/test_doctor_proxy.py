"""The doctor behind a real nginx that is set up wrongly in one way at a time; and its TLS."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone

from guardmdm.health import Finding, check_base_url, check_tls
from guardmdm.health.client_certificates import check_client_certificates
from guardmdm.health.passage import examine_passage
from guardmdm.probe import build_probe_path
from organization.models import Organization, ServerTrust
from scep.selectors import get_certificate, get_root_ca
from scep.services.server_certificate import issue_server_certificate
from tests.database import load_rows
from tests.guardmdm.test_nginx import NGINX, ROOT, write_certificate
from tests.services import find_free_port, wait_for_port

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
    pytest.mark.django_db,
]

BUFFERS = "large_client_header_buffers 8 32k;"
FORWARDED = "proxy_set_header X-Forwarded-For $remote_addr;"
HOST = "proxy_set_header Host $host;"
PASS = "proxy_pass http://guardmdm;"
ALL = "location / {"
# What is changed in deploy/nginx.conf; then the finding that must tell of it, and its fix.
MISTAKES: dict[str, tuple[str, str, str, str]] = {
    "a redirect of device messages": (
        ALL, "location /mdm/ { return 301 https://www.example.com$request_uri; } " + ALL,
        "redirects", "devices follow no redirect"),
    "a redirect of SCEP": (
        ALL, "location /scep/ { return 308 /pki$request_uri; } " + ALL,
        "redirects", "devices follow no redirect"),
    "nginx's own header buffers": (BUFFERS, "", "large headers", "large_client_header_buffers"),
    "smaller header buffers": (
        BUFFERS, "large_client_header_buffers 4 4k;", "SCEP by GET", "large_client_header_buffers"),
    "PUT blocked": (
        ALL, "location /mdm/ { limit_except GET POST { deny all; } " + PASS + "} " + ALL,
        "PUT", "limit_except"),
    "another server at /mdm/": (
        ALL, "location /mdm/ { return 404; } " + ALL, "PUT", "web process"),
    "small bodies": (
        "client_max_body_size 10m;", "client_max_body_size 1m;",
        "large bodies", "client_max_body_size 10m"),
    "the query dropped": (
        ALL, "location /scep/ { proxy_pass http://guardmdm$uri; } " + ALL,
        "SCEP by GET", "proxy_pass without $uri"),
    "slashes merged": (
        ALL, 'location /scep/ { if ($args ~ "^(.*)////(.*)$") { set $args "$1/$2"; } ' + PASS
        + "} " + ALL, "SCEP by GET", "no merging of slashes"),
    "+ lost": (
        ALL, r'location /scep/ { if ($args ~ "^(.*)\+\+\+\+(.*)$") { set $args "$1$2"; } ' + PASS
        + "} " + ALL, "SCEP by GET", "no decoding"),
    "another Host": (
        HOST, "proxy_set_header Host backend.internal;", "host name", "proxy_set_header Host"),
    "addresses that anybody may claim": (
        FORWARDED, "", "client address", "X-Forwarded-For $remote_addr"),
    "certificates that anybody may claim": (
        "proxy_set_header X-Client-Cert $ssl_client_escaped_cert;", "",
        "client address", "X-Client-Cert $ssl_client_escaped_cert"),
    "header names with an underscore": (
        "server_name", "underscores_in_headers on; server_name",
        "header names", "underscores_in_headers off"),
    "header names with one underscore": (
        FORWARDED, "underscores_in_headers on; proxy_set_header X_Client_Cert ''; "
        "proxy_set_header X_Forwarded_For ''; " + FORWARDED,
        "header names", "underscores_in_headers off"),
}  # fmt: skip
# These work, at a price.
DOUBTS: dict[str, tuple[str, str, str, str]] = {
    "an unknown proxy": (
        ALL, "location /mdm/ { proxy_bind 127.0.0.2; proxy_pass http://UPSTREAM; } " + ALL,
        "client address", "GUARDMDM_TRUSTED_PROXIES to 127.0.0.2"),
    "the server's own name": (
        HOST, "proxy_set_header Host localhost:8000;", "host name", "ProxyPreserveHost"),
    "no address": (
        FORWARDED, 'proxy_set_header X-Forwarded-For "";',
        "client address", "X-Forwarded-For $remote_addr"),
}  # fmt: skip
CERTIFICATE = "proxy_set_header X-Client-Cert $ssl_client_escaped_cert;"
ASKING = "ssl_verify_client optional_no_ca; "
# What becomes of client certificates: whether it is a failure, what is told and in the fix.
CERTIFICATES: dict[str, tuple[str, str, bool, str, str]] = {
    "certificates that are not asked for": (
        CERTIFICATE, CERTIFICATE, False, "known by their signature", ""),
    "certificates as they were shown": (
        CERTIFICATE, ASKING + CERTIFICATE, False, "arrive in X-Client-Cert", ""),
    "a certificate's name in its place": (
        CERTIFICATE, ASKING + "proxy_set_header X-Client-Cert $ssl_client_s_dn;",
        True, "begins with 'CN=doctor'", "escaped PEM"),
    "a certificate where there is none": (
        CERTIFICATE, 'proxy_set_header X-Client-Cert "(null)";',
        True, "devices that show none are refused", "nothing where there is none"),
    "certificates of a list alone": (
        CERTIFICATE, "ssl_verify_client optional; ssl_client_certificate OWN; " + CERTIFICATE,
        False, "refused before it gets here: the answer is 400", "optional_no_ca"),
}  # fmt: skip
HARMLESS = {
    "as it is deployed": ("", ""),
    "+ decoded": (
        ALL, r'location /scep/ { if ($args ~ "^(.*)\+\+\+\+(.*)$") '
        '{ set $args "$1%20%20%20%20$2"; } ' + PASS + "} " + ALL),
}  # fmt: skip
STRANGER = ("a stranger's site", ALL, 'location / { return 200 "hello"; } location /x {')


class Sites:
    """One nginx with a server for each mistake and each certificate, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: dict[str, int] = {}
        whole = (ROOT / "deploy" / "nginx.conf").read_text()
        self.head, _, rest = whole.partition("    server {\n        listen 80;")
        self.server = "    server {\n        listen 443" + rest.partition("listen 443")[2]
        self.server = self.server.rstrip().removesuffix("}")
        self.servers: list[str] = []

    def add(self, name: str, old: str, new: str, *, certificate: str = "good") -> None:
        assert old in self.server, name
        self.ports[name] = find_free_port()
        text = self.server.replace(old, new, 1) if old else self.server
        text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{self.ports[name]} ssl")
        text = text.replace("/etc/nginx/tls/certificate.pem", f"{self.folder}/{certificate}.pem")
        text = text.replace("/etc/nginx/tls/key.pem", f"{self.folder}/{certificate}.key")
        self.servers.append(text.replace("include /etc/nginx/mtls*.conf;", ""))

    def write(self, *, upstream_port: int) -> None:
        text = self.head + "\n".join(self.servers) + "\n}\n"
        for old, new in {
            "pid /run/nginx.pid": f"pid {self.folder}/nginx.pid",
            "/dev/stdout": f"{self.folder}/access.log",
            "/dev/stderr": f"{self.folder}/error.log",
            "server web:8000": f"server 127.0.0.1:{upstream_port}",
            "http://UPSTREAM": f"http://127.0.0.1:{upstream_port}",  # not from the pool
            "worker_processes auto": "worker_processes 1",
            "ssl_client_certificate OWN": f"ssl_client_certificate {self.folder}/own.pem",
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        (self.folder / "nginx.conf").write_text(text)

    def write_certificate(self, name: str, chain: bytes, key: bytes) -> None:
        (self.folder / f"{name}.pem").write_bytes(chain)
        (self.folder / f"{name}.key").write_bytes(key)


def write_certificates(sites: Sites) -> None:
    now = timezone.now()
    end = b"-----END CERTIFICATE-----\n"
    good = issue_server_certificate(["127.0.0.1"], now=now)
    sites.write_certificate("good", good.chain, good.key)
    sites.write_certificate("leaf", good.chain.partition(end)[0] + end, good.key)
    other = issue_server_certificate(["mdm.example.org"], now=now)
    sites.write_certificate("other", other.chain, other.key)
    old = issue_server_certificate(["127.0.0.1"], now=now - timedelta(days=600))
    sites.write_certificate("old", old.chain, old.key)
    write_certificate(sites.folder)
    (sites.folder / "certificate.pem").rename(sites.folder / "own.pem")
    (sites.folder / "key.pem").rename(sites.folder / "own.key")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1200"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(sites.folder / "long.key"), "-out", str(sites.folder / "long.pem")]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def sites(django_db_setup: str, django_db_blocker: Any) -> Iterator[Sites]:
    """nginx in front of the real web process, which shares this process's keys and cache."""
    with tempfile.TemporaryDirectory(prefix="guardmdm-doctor-") as name:
        sites = Sites(Path(name))
        sites.folder.chmod(0o755)  # nginx's workers are another user
        with django_db_blocker.unblock(), transaction.atomic():
            if not Organization.objects.exists():  # an earlier test has emptied the database
                load_rows(django_db_setup)
            write_certificates(sites)
            transaction.set_rollback(True)  # the files are all that is kept
        for mistake, (old, new, *_) in (MISTAKES | DOUBTS | HARMLESS | CERTIFICATES).items():
            sites.add(mistake, old, new)
        sites.add(*STRANGER)
        for certificate in ("leaf", "other", "old", "own", "long"):
            sites.add(certificate, "", "", certificate=certificate)
        upstream_port = find_free_port()
        sites.write(upstream_port=upstream_port)
        web = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--http", "1"]
        web += ["--blocking-threads", "4", "--port", str(upstream_port)]
        environ = os.environ | {
            "DJANGO_SETTINGS_MODULE": "guardmdm.settings",
            "GUARDMDM_DATA_DIR": str(django_settings.DATA_DIR),
            "GUARDMDM_BASE_URL": "https://127.0.0.1",
            "GUARDMDM_TRUSTED_PROXIES": "127.0.0.1",
            "GUARDMDM_CLIENT_CERT_HEADER": "X-Client-Cert",
        }
        assert NGINX is not None
        configuration = ["-p", str(sites.folder), "-c", str(sites.folder / "nginx.conf")]
        processes = [
            subprocess.Popen([*web, "guardmdm.wsgi:application"], cwd=ROOT, env=environ),
            subprocess.Popen([NGINX, *configuration, "-g", "daemon off;"]),
        ]
        try:
            for port in (upstream_port, *sites.ports.values()):
                wait_for_port(port, seconds=240)
            yield sites
        finally:
            for process in processes:
                process.terminate()
                process.wait()


@pytest.fixture
def visit(sites: Sites, settings: Any) -> Any:
    def go(name: str) -> None:
        settings.BASE_URL = f"https://127.0.0.1:{sites.ports[name]}"
        settings.CLIENT_CERT_HEADER = "X-Client-Cert"

    return go


def examine_site() -> dict[str, Finding]:
    assert not check_base_url().is_failure
    return {finding.name: finding for finding in examine_passage()}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_found_and_its_fix_named(name: str, visit: Any) -> None:
    visit(name)
    findings = examine_site()
    *_, where, fix = MISTAKES[name]
    assert findings[where].is_failure, findings
    assert fix in findings[where].fix
    # One that stands below /scep/ or /enroll/ leaves what stands below /mdm/ alone.
    if where in ("SCEP by GET", "host name"):
        assert not findings["PUT"].is_failure
        assert not findings["large bodies"].is_failure


@pytest.mark.parametrize("name", DOUBTS)
def test_doubt_is_a_warning_with_its_fix(name: str, visit: Any) -> None:
    visit(name)
    findings = examine_site()
    *_, where, fix = DOUBTS[name]
    assert not any(finding.is_failure for finding in findings.values()), findings
    assert fix in findings[where].fix


@pytest.mark.parametrize("name", HARMLESS)
def test_nothing_is_found_when_all_is_well(name: str, visit: Any) -> None:
    visit(name)
    findings = examine_site()
    assert len(findings) == 8
    assert {finding.fix for finding in findings.values()} == {""}
    assert "127.0.0.1" in findings["client address"].text
    # But for this machine's own address, at which no device looks for the server.
    assert "an address that devices reach" in check_base_url().fix


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_client_certificate_is_followed_to_the_server(name: str, visit: Any) -> None:
    visit(name)
    finding = check_client_certificates()
    *_, is_failure, text, fix = CERTIFICATES[name]
    assert finding.is_failure == is_failure, finding
    assert text in finding.text
    assert bool(finding.fix) == bool(fix)
    assert fix in finding.fix


def test_stranger_is_told_from_this_server(visit: Any) -> None:
    visit(STRANGER[0])
    finding = check_base_url()
    assert finding.is_failure
    assert "not this server" in finding.text


def test_probe_answers_once_and_nobody_else(sites: Sites) -> None:
    url = f"https://127.0.0.1:{sites.ports['as it is deployed']}"
    with httpx.Client(base_url=url, verify=False) as client:
        path = build_probe_path("mdm")
        assert client.put(path, content=b"x").json()["body_length"] == 1
        assert client.put(path, content=b"x").status_code == 404
        assert client.put("/mdm/probe/1234~abc~def").status_code == 404
        forged = build_probe_path("mdm")[:-1] + "-"
        assert client.put(forged).status_code == 404


@pytest.mark.parametrize(
    ("name", "text", "fix"),
    [
        ("leaf", "without the certificate of the CA", "full chain"),
        ("other", "for another address", "GUARDMDM_BASE_URL"),
        ("old", "has expired", "Renew"),
        ("own", "signed by nobody but itself", "public CA"),
        ("long", "valid for 1200 days", "397 days"),
    ],
)
def test_bad_certificate_is_named_with_its_fix(name: str, text: str, fix: str, visit: Any) -> None:
    visit(name)
    finding = check_tls()
    assert finding.is_failure
    assert text in finding.text
    assert fix in finding.fix
    assert check_base_url().is_failure or name == "long"


def test_another_ca_is_taken_when_the_settings_say_that_devices_trust_it(visit: Any) -> None:
    Organization.objects.update(server_trust=ServerTrust.PUBLIC)
    visit("own")
    finding = check_tls()
    assert (finding.is_failure, "as System › Settings says" in finding.text) == (False, True)
    assert not check_base_url().is_failure
    assert not any(finding.is_failure for finding in examine_passage())
    # But not a certificate that nobody can trust.
    visit("old")
    assert "has expired" in check_tls().text


def test_trust_by_our_root_alone_is_told_from_public_trust(
    visit: Any, sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit("as it is deployed")
    finding = check_tls()
    assert (finding.is_failure, "own root CA" in finding.text) == (False, True)
    assert "public CA" in finding.fix
    # Where the system's store has the root, it is what a public CA's is.
    root = sites.folder / "root.pem"
    root.write_bytes(get_certificate(get_root_ca()).public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    finding = check_tls()
    assert (finding.fix, "system's own certificate store" in finding.text) == ("", True)
    assert "TLSv1.3" in finding.text
