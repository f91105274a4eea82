#!/bin/sh
# Make .venv and install exactly what the given lock file names, checked by hash.
set -eu
lock=$1
# Without PYTHON, a distribution's own build comes before one that pyenv or asdf has compiled: those
# leave out profile-guided optimization unless told so, and each request costs a tenth more.
python=${PYTHON:-}
for found in /usr/bin/python3.11 python3.11 python3; do
    [ -n "$python" ] || ! "$found" -c 'import ensurepip' 2>/dev/null || python=$found
done
python=${python:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "GuardMDM needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2
    exit 1
}
# A virtual environment of a Debian without python3-venv has no pip; it is made again.
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    "$python" -m venv .venv || {
        [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 1
        rm -rf .venv
        apt-get update -qq
        apt-get install -y -qq python3-venv
        "$python" -m venv .venv
    }
fi
echo "Installing from $lock for $(.venv/bin/python -V) …"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
