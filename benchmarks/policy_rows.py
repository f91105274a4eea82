"""Two groups, each with a policy and a device; run inside an installation's environment.

`python -m benchmarks.policy_rows many one` prints {"key": an API key, "policies": {group: id},
"last": the key of the last group's enrollment}. The groups, their policies and the UDIDs of their
devices have these names.
"""

import json
import os
import sys
from datetime import timedelta
from typing import Any

ACTOR = "benchmark"
YEAR = timedelta(days=365)
TOKEN, MAGIC = bytes(32), "00000000-0000-4000-8000-000000000000"


def add(groups: list[str]) -> dict[str, Any]:
    from django.utils import timezone

    from devices.models import Device, DeviceStatus, Enrollment, EnrollmentState
    from devices.selectors import get_push_certificate
    from devices.services.groups import create_group
    from organization.models import Role
    from organization.services.api_keys import create_api_key
    from policies.services.policies import create_policy

    now, policies = timezone.now(), {}
    for name in groups:
        group = create_group(name, actor=ACTOR)
        policies[name] = create_policy(name, groups=[group], actor=ACTOR).public_id
        device = Device.objects.create(
            udid=name, platform="ios", status=DeviceStatus.MANAGED, group=group, last_seen_at=now
        )
        enrollment = Enrollment.objects.create(
            device=device,
            state=EnrollmentState.LIVE,
            certificate_sha256=name,
            certificate_not_after=now + YEAR,
            topic=get_push_certificate().topic,
            push_token=TOKEN,
            push_magic=MAGIC.encode(),
            token_update_count=1,
            last_seen_at=now,
            connected_at=now,
        )
    _, key = create_api_key(ACTOR, role=Role.ADMINISTRATOR, actor=ACTOR, may_share_name=True)
    return {"key": key, "policies": policies, "last": enrollment.pk}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guardmdm.settings")
    import django

    django.setup()
    print(json.dumps(add(sys.argv[1:])))


if __name__ == "__main__":
    main()
