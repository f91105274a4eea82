"""Which names a device's certificate gets: by the template, from what the server knows (S5)."""

import uuid
from dataclasses import dataclass, replace

from django.conf import settings
from django.utils.module_loading import import_string

from scep.models import ScepProfile
from scep.models.profile import default_subject
from scep.protocol.grant import ChallengeGrant
from scep.protocol.subject_template import (
    Naming,
    SubjectAttributes,
    build_naming,
    lacks_device_attributes,
)


@dataclass(frozen=True)
class Names:
    """The names, and whether better ones are to be had once the device has checked in."""

    naming: Naming
    lacks_attributes: bool = False


def build_names(
    scep_profile: ScepProfile | None, *, grant: ChallengeGrant, is_renewal: bool, organization: str
) -> Names:
    """Fill the profile's templates for whom the challenge stands; raises NotSetUp.

    `organization`: the server's, by name, "" where it has to be asked for.
    """
    # The Profile Service's certificate is nobody's identity, so it bears no device's names.
    template = None if grant.is_profile_service else scep_profile
    subject = template.subject if template else default_subject()
    alternative_names = template.subject_alternative_names if template else []
    attributes = _describe(grant, organization=organization)
    naming = build_naming(
        subject,
        alternative_names,
        attributes=attributes,
        fallback=grant.session_id or str(uuid.uuid4()),
    )
    lacks = lacks_device_attributes([*subject, *alternative_names], attributes=attributes)
    return Names(naming, lacks_attributes=lacks and not is_renewal)


def _describe(grant: ChallengeGrant, *, organization: str) -> SubjectAttributes:
    describe = import_string(settings.SCEP_SUBJECT_ATTRIBUTES)
    attributes: SubjectAttributes = describe(
        grant.session_id, token_id=grant.token_id, organization=organization
    )
    if grant.is_claimed:
        # Whoever knows a static challenge and a session could else be named like its device.
        return replace(attributes, serial="", udid="", owner="", imei="", product="")
    return attributes
