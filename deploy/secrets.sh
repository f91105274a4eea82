#!/bin/sh
# Make what is missing of the secrets that docker-compose.yml reads; existing ones stay.
set -eu
umask 077
mkdir -p secrets/tls
random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }
[ -s secrets/database_password ] || random | tr -d '=' > secrets/database_password
[ -s secrets/database_url ] ||
    printf 'postgres://guardmdm:%s@database:5432/guardmdm' "$(cat secrets/database_password)" > secrets/database_url
[ -s secrets/secret_key ] || random > secrets/secret_key
[ -s secrets/encryption_keys ] || random > secrets/encryption_keys
# The containers' user must read them; the folder itself stays closed to others.
chmod 0444 secrets/database_password secrets/database_url secrets/secret_key secrets/encryption_keys
chmod 0700 secrets
echo "secrets/ is complete. Keep a copy of encryption_keys apart from the database's backups."
