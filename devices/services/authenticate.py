"""Authenticate: a device asks to enroll, and becomes known if it is admitted."""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from devices.errors import MessageRefused
from devices.models import Device, DeviceStatus, Enrollment, EnrollmentState
from devices.protocol.admission import Admission, AdmissionRequest
from devices.protocol.checkin import Authenticate
from devices.selectors import find_live_enrollment, find_pinned_enrollment
from devices.services.identities.renewed import hold_certificate
from devices.services.lessons import write_facts
from devices.services.locks import lock_enrollment
from devices.services.queries import queue_queries
from devices.services.sender import check_not_over, check_udid
from devices.services.status import set_status
from devices.services.warnings import flag_shared_serial
from devices.signals import device_authenticated
from organization.protocol.caller import NOBODY, Caller
from scep.models import CertificateAuthorityRole, IssuedCertificate
from scep.services.external_identities import get_common_name
from scep.services.issuance import note_device


@transaction.atomic
def authenticate(
    message: Authenticate,
    *,
    certificate: IssuedCertificate,
    challenge: str,
    now: datetime,
    caller: Caller = NOBODY,
) -> Enrollment:
    """Pin the certificate to a new enrollment; the same message again has the device asked anew.

    The enrollment that the device has stays live until the new one's TokenUpdate (D4).
    Raises AdmissionRefused and MessageRefused, and then nothing is left behind.
    """
    hold_certificate(certificate)
    pinned = find_pinned_enrollment(certificate.fingerprint or "")
    if pinned is not None:
        return _repeat(pinned, message=message)
    admission = _ask_admission(message, certificate=certificate, challenge=challenge, now=now)
    device = _know_device(message, admission=admission, now=now)
    enrollment = Enrollment.objects.create(
        device=device,
        group_id=admission.group_pk,
        session_id=admission.session_id,
        certificate_sha256=certificate.fingerprint or "",
        certificate_not_after=certificate.not_after,
        topic=message.topic,
        access_rights=admission.access_rights,
        owner=admission.owner,
        owner_name=admission.owner_name,
        last_seen_at=now,
    )
    note_device(certificate, device_id=device.public_id)
    device_authenticated.send(Enrollment, enrollment=enrollment, caller=caller)
    return enrollment


def _repeat(enrollment: Enrollment, *, message: Authenticate) -> Enrollment:
    enrollment = lock_enrollment(enrollment)  # nothing is asked of one that ends at this moment
    check_udid(enrollment, udid=message.udid)
    check_not_over(enrollment)
    if find_live_enrollment(enrollment.device) in (None, enrollment):
        write_facts(enrollment.device, facts=dict(message.facts))
    if enrollment.state == EnrollmentState.LIVE:
        # A message that came late, or a profile that was removed without a word and installed
        # again, and with it everything that had come through it: the device tells what it has.
        queue_queries(enrollment)
    return enrollment


def _ask_admission(
    message: Authenticate, *, certificate: IssuedCertificate, challenge: str, now: datetime
) -> Admission:
    admit: Callable[[AdmissionRequest], Admission] = import_string(settings.MDM_ADMISSION)
    profile = certificate.scep_profile
    is_external = certificate.issuer.role == CertificateAuthorityRole.EXTERNAL
    return admit(
        AdmissionRequest(
            udid=message.udid,
            serial_number=message.serial_number,
            challenge=challenge,
            certificate_sha256=certificate.fingerprint or "",
            certificate_session_id=certificate.session_id,
            certificate_token_id=certificate.token_id,
            certificate_scep_profile_id=profile.public_id if profile else "",
            certificate_authority_id=certificate.issuer.public_id if is_external else "",
            certificate_common_name=get_common_name(certificate),
            now=now,
        )
    )


def _know_device(message: Authenticate, *, admission: Admission, now: datetime) -> Device:
    """Return the row of the UDID, new or brought up to date, unless another enrollment is live.

    While one is, an unproved message changes neither what the device is nor its group and owner.
    """
    device, is_new = Device.objects.select_for_update(no_key=True).get_or_create(
        udid=message.udid,
        defaults={"is_user_enrollment": message.channel.is_user_enrollment},
    )
    if device.is_user_enrollment != message.channel.is_user_enrollment:
        raise MessageRefused("identity_not_trusted", "a UDID and an EnrollmentID are the same")
    if is_new or find_live_enrollment(device) is None:
        owner = {"owner": admission.owner, "owner_name": admission.owner_name}
        write_facts(
            device,
            facts=dict(message.facts),
            group_id=admission.group_pk,
            **(owner if admission.owner else {}),
            last_seen_at=now,
            updated_at=now,
        )
        set_status(device, status=DeviceStatus.PENDING)
    else:
        Device.objects.filter(pk=device.pk).update(last_seen_at=now)
    flag_shared_serial(device)
    return device
