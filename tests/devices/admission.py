"""An admission of the tests' own: the challenge `group-<pk>` opens, `group-<pk>-<owner>` too."""

from devices.errors import AdmissionRefused
from devices.protocol.admission import Admission, AdmissionRequest


def admit(request: AdmissionRequest) -> Admission:
    word, _, rest = request.challenge.partition("-")
    if word != "group":
        raise AdmissionRefused("token_signature_invalid", "not one of ours")
    group, _, owner = rest.partition("-")
    return Admission(
        int(group),
        request.certificate_session_id,
        request.certificate_token_id,
        owner=owner and f"{owner}@example.com",
        owner_name=owner,
    )
