"""An admission of the tests' own: the challenge `group-<pk>` opens, everything else is refused."""

from devices.errors import AdmissionRefused
from devices.protocol.admission import Admission, AdmissionRequest


def admit(request: AdmissionRequest) -> Admission:
    word, _, group = request.challenge.partition("-")
    if word != "group":
        raise AdmissionRefused("token_signature_invalid", "not one of ours")
    return Admission(int(group), request.certificate_session_id, request.certificate_token_id)
