"""docker-compose.yml: complete in itself, and no secret stands in it."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from guardmdm.env import DEFAULTS, read_environment
from guardmdm.serving import Address, build_programs

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]


def test_web_worker_beat_and_their_services_are_there():
    assert {"web", "worker", "beat", "database", "redis", "nginx"} <= set(SERVICES)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_refers_to_nothing_that_is_missing(name):
    service = SERVICES[name]
    assert set(service.get("depends_on", ())) <= set(SERVICES)
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    named = {volume.partition(":")[0] for volume in service.get("volumes", ())}
    assert {each for each in named if not each.startswith(".")} <= set(COMPOSE["volumes"])


def test_every_setting_is_one_of_ours():
    variables = set(SERVICES["web"]["environment"])
    names = {each.removeprefix("GUARDMDM_").removesuffix("_FILE") for each in variables}
    assert names <= set(DEFAULTS)


def test_every_setting_can_be_given_beside_the_file() -> None:
    fixed = {"DATA_DIR", "DATABASE_URL", "BROKER_URL", "SECRET_KEY", "ENCRYPTION_KEYS"}
    fixed |= {"TRUSTED_PROXIES", "CLIENT_CERT_HEADER", "LOG_FORMAT"}
    # Files that a container would have to be given as well, and what tests alone need.
    fixed |= {"EMAIL_CA", "DEVICE_CA", "APNS_HOST", "APNS_PORT", "APNS_CA"}
    for name in sorted(set(DEFAULTS) - fixed):
        given = SERVICES["web"]["environment"][f"GUARDMDM_{name}"]
        assert given.startswith(f"${{GUARDMDM_{name}:"), name
    assert ":?" in SERVICES["web"]["environment"]["GUARDMDM_BASE_URL"]  # never a default: see 0268


def test_what_compose_passes_on_starts_the_server_when_the_base_url_alone_is_given(
    tmp_path: Path,
) -> None:
    given = {
        name: "" if value.endswith(":-}") else value
        for name, value in SERVICES["web"]["environment"].items()
        if not name.endswith("_FILE")
    }
    given |= {"GUARDMDM_BASE_URL": "https://mdm.city.test", "GUARDMDM_DATA_DIR": str(tmp_path)}
    assert read_environment(given).base_url == "https://mdm.city.test"


def test_secrets_come_from_files():
    text = str(SERVICES)
    assert "GUARDMDM_ENCRYPTION_KEYS_FILE" in text
    for plain in ("'GUARDMDM_SECRET_KEY'", "'GUARDMDM_ENCRYPTION_KEYS'", "'POSTGRES_PASSWORD'"):
        assert plain not in text


def test_the_secrets_script_makes_every_file_once(tmp_path):
    def make():
        subprocess.run([ROOT / "deploy" / "secrets.sh"], cwd=tmp_path, check=True)
        return {path.name: path.read_text() for path in (tmp_path / "secrets").glob("*_*")}

    first = make()
    assert {Path(each["file"]).name for each in COMPOSE["secrets"].values()} == set(first)
    assert first["database_password"] in first["database_url"]
    assert make() == first


def test_the_worker_is_asked_by_its_name_where_no_variable_has_it():
    """Docker sets HOSTNAME for every command in a container, Podman for none."""
    kind, command = SERVICES["worker"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    name = command.partition(" -d ")[2]
    shell = ["/bin/sh", "-c", f"echo {name.replace('$$', '$')}"]
    done = subprocess.run(shell, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert done.stdout.strip() == f"celery@{socket.gethostname()}"


def test_the_image_serves_as_serve_does_behind_a_proxy():
    """Without the time after which it is killed, a slow upload kept a container from stopping."""
    text = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", "")
    image = json.loads(text.rpartition("\nCMD ")[2])
    address = Address("0.0.0.0", 8000, uses_tls=False)
    web = build_programs(address, workers=2, tls_files=None)[0].arguments
    own = list(web[web.index("--interface") :])
    for_certificates_alone = own.index("--respawn-interval")
    del own[for_certificates_alone : for_certificates_alone + 2]
    assert image[1:] == own


def test_compose_itself_accepts_the_file():
    docker = shutil.which("docker")
    compose = [docker or "docker", "compose"]
    if docker is None or subprocess.run([*compose, "version"], capture_output=True).returncode:
        return  # the plugin is no Debian 12 package; the other tests here stand in for it
    environment = {**os.environ, "GUARDMDM_BASE_URL": "https://mdm.city.test"}
    subprocess.run([*compose, "config", "--quiet"], cwd=ROOT, env=environment, check=True)
