"""The Debian packages behind the tests with real services, installed where that is possible."""

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = {
    "postgresql": "/usr/lib/postgresql/*/bin/initdb",
    "pgbouncer": "/usr/sbin/pgbouncer",
    "redis-server": "/usr/bin/redis-server",
    "nginx": "/usr/sbin/nginx",
    "chromium": "/usr/bin/chromium",
    "openssl": "/usr/bin/openssl",
    "strongswan-pki": "/usr/bin/pki",
    "libstrongswan-extra-plugins": "/usr/lib/ipsec/plugins/libstrongswan-curl.so",
    "libstrongswan-standard-plugins": "/usr/lib/ipsec/plugins/libstrongswan-openssl.so",
}


def list_missing() -> list[str]:
    """Return the packages whose file is not there."""
    return [name for name, pattern in PACKAGES.items() if not _exists(pattern)]


def install_missing() -> None:
    """Install what is missing as root on Debian; elsewhere say what the tests will leave out."""
    missing = list_missing()
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"Not installed, and not ours to install here: {' '.join(missing)}")
        return
    print(f"Installing {' '.join(missing)} …", flush=True)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environ, check=False)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    subprocess.run(command, env=environ, check=False, stdout=subprocess.DEVNULL)


def _exists(pattern: str) -> bool:
    return any(Path("/").glob(pattern.lstrip("/")))
