"""What the port MDM_ADMISSION is asked and answers: may this device enroll, and where?"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class AdmissionRequest:
    """An Authenticate and what its identity certificate was issued for.

    `certificate_session_id`, `certificate_token_id` and `certificate_scep_profile_id` are
    empty where the certificate was issued without one. `certificate_authority_id` is the
    external CA (`ca_…`) that issued it, empty for a certificate of ours; what such a certificate
    was issued for is not known, except the common name that it bears.
    """

    udid: str
    serial_number: str
    challenge: str = field(repr=False)
    certificate_sha256: str
    certificate_session_id: str
    certificate_token_id: str
    certificate_scep_profile_id: str
    now: datetime
    certificate_authority_id: str = ""
    certificate_common_name: str = ""


@dataclass(frozen=True)
class Admission:
    """The group that the device joins, and the session and token that brought it.

    `access_rights` are what its enrollment profile asks for (AccessRights), None if not known.
    `owner` is the person who enrolls it, an e-mail address where there is one; "" where nobody is
    known, and then the device keeps the owner it has.
    """

    group_pk: int
    session_id: str
    token_id: str
    access_rights: int | None = None
    owner: str = ""
    owner_name: str = ""
