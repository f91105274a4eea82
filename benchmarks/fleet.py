"""Enrolled devices for a measurement, made by the server's own services and with real identities.

Run inside an installation's environment: `python -m benchmarks.fleet 1000` prints them as JSON.
Keys are few, for making one takes longer than all the rest; certificates are each device's own.
"""

import base64
import json
import os
import ssl
import sys
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks.installation import Database, connect

KEYS = 16
HOURS = 2 * 3600
TOPIC = "com.apple.mgmt.External.benchmark"


def make_devices(count: int) -> dict[str, Any]:
    """Return {"keys": [PEM], "devices": [{"udid", "certificate" (DER, base64), "key"}], …}.

    `first`: the primary key of the first enrollment; the others follow without a gap. `template`:
    that of a command that is over, to be copied. `authority`: the devices' CA, PEM.
    """
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    from devices.models import Device, DeviceStatus, Enrollment, EnrollmentState
    from devices.services.queue import cancel, enqueue
    from scep.protocol.certificates import generate_private_key
    from scep.protocol.grant import ChallengeGrant
    from scep.selectors import get_issuing_ca
    from scep.services.issuance import Application, issue_certificate

    now, issuer = datetime.now(UTC), get_issuing_ca()
    keys = [generate_private_key(bits=2048) for _ in range(KEYS)]
    identities = [
        issue_certificate(
            Application(keys[number % KEYS].public_key(), ChallengeGrant(f"ses_{number}", "")),
            issuer=issuer,
            now=now,
            spend=lambda _: None,
        )
        for number in range(count)
    ]
    devices = Device.objects.bulk_create(
        Device(udid=f"00008110-{number:016X}", platform="ios", status=DeviceStatus.MANAGED)
        for number in range(count)
    )
    enrollments = Enrollment.objects.bulk_create(
        Enrollment(
            device=device,
            state=EnrollmentState.LIVE,
            certificate_sha256=identity.fingerprint or "",
            certificate_not_after=identity.not_after,
            topic=TOPIC,
            push_token=os.urandom(32),
            push_magic=os.urandom(16).hex().encode(),
            token_update_count=1,
            last_seen_at=now,
            connected_at=now,
        )
        for device, identity in zip(devices, identities, strict=True)
    )
    template = enqueue(enrollments[0], command={"RequestType": "InstalledApplicationList"})
    cancel(template, now=now)
    return {
        "keys": [
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            for key in keys
        ],
        "devices": [
            {
                "udid": device.udid,
                "certificate": base64.b64encode(bytes(identity.certificate or b"")).decode(),
                "key": number % KEYS,
            }
            for number, (device, identity) in enumerate(zip(devices, identities, strict=True))
        ],
        "first": enrollments[0].pk,
        "template": template.pk,
        "authority": ssl.DER_cert_to_PEM_cert(bytes(issuer.certificate)),
    }


def forget_devices(database: Database) -> None:
    """Let each device have been heard of hours ago, so that its next message writes it down."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - HOURS))
    zone = "+00" if database.kind == "postgresql" else ""
    with connect(database) as cursor:
        for table in ("devices_enrollment", "devices_device"):
            cursor.execute(f"UPDATE {table} SET last_seen_at = '{moment}{zone}'")  # noqa: S608


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guardmdm.settings")
    import django

    django.setup()
    print(json.dumps(make_devices(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
