"""The port SCEP_SUBJECT_ATTRIBUTES: what we know of the device that a certificate is for."""

from dataclasses import replace

from devices.models import Device
from enrollment.errors import SessionRefused
from enrollment.models import EnrollmentSession, EnrollmentToken, ReportedDevice
from organization.errors import NotSetUp
from organization.models import Given, Organization, PreparedSelect
from scep.protocol.subject_template import SubjectAttributes

SESSION = PreparedSelect(
    lambda: EnrollmentSession.objects.select_related("token__group", "token__organization").filter(
        public_id=Given("session_id")
    )
)
TOKEN = PreparedSelect(
    lambda: EnrollmentToken.objects.select_related("group", "organization").filter(
        jti=Given("token_id")
    )
)
ORGANIZATION = PreparedSelect(lambda: Organization.objects.order_by("id")[:1], remembers=1)
DEVICE = PreparedSelect(
    lambda: Device.objects.select_related("group").filter(public_id=Given("device_id"))
)


def describe_session(
    session_id: str, *, token_id: str, organization: str = ""
) -> SubjectAttributes:
    """Return what the rows of the session, its token (`jti`) and its device say; "" = unknown.

    Before the first Authenticate there is no device; the owner is the session's person then.
    `organization`: the server's, by name, where that is known already.
    Raises organization.errors.NotSetUp.
    """
    session = _find_session(session_id)
    token = session.token if session else _find_token(token_id)
    device = _find_device(session.device_id) if session else None
    reported = find_reported_device(session) if session else None
    group = device.group if device else None
    if token or not organization:
        organization = (token.organization if token else _get_organization()).name
    return SubjectAttributes(
        serial=_pick("serial_number", device, reported),
        udid=_pick("udid", device, reported),
        platform=(device and device.platform) or (session.platform if session else ""),
        group=group.name if group else (token.group_name if token else ""),
        token=token.name if token else "",
        owner=(device and device.owner) or (session.person.owner if session else ""),
        session=session_id,
        organization=organization,
        imei=_pick("imei", device, reported),
        product=(device.product_name if device else "") or _pick("product", reported),
    )


def describe_as_enrolled(session: EnrollmentSession) -> SubjectAttributes:
    """Return what was known when the session's device asked for its first certificate.

    The device itself was not, unless the Profile Service had asked it. Raises NotSetUp.
    """
    attributes = describe_session(session.public_id, token_id=session.token.jti)
    reported = find_reported_device(session)
    return replace(
        attributes,
        serial=_pick("serial_number", reported),
        udid=_pick("udid", reported),
        imei=_pick("imei", reported),
        product=_pick("product", reported),
        owner=session.person.owner,
        group=session.token.group_name,
        platform=session.platform,
    )


def _pick(name: str, *rows: Device | ReportedDevice | None) -> str:
    """Return what the first row says that says something."""
    values = (str(getattr(row, name)) for row in rows if row is not None)
    return next((value for value in values if value), "")


def find_reported_device(session: EnrollmentSession) -> ReportedDevice | None:
    """Return what the device said of itself in the Profile Service, where that was asked."""
    if not session.token.profile_service:
        return None
    return ReportedDevice.objects.filter(session=session).first()


def _find_session(session_id: str) -> EnrollmentSession | None:
    if not session_id:
        return None
    return SESSION.first(session_id=session_id)


def _find_token(token_id: str) -> EnrollmentToken | None:
    if not token_id:
        return None
    return TOKEN.first(token_id=token_id)


def _get_organization() -> Organization:
    organization = ORGANIZATION.first()
    if organization is None:
        raise NotSetUp("run manage.py bootstrap")
    return organization


def _find_device(device_id: str) -> Device | None:
    if not device_id:
        return None
    return DEVICE.first(device_id=device_id)


def check_identified(session: EnrollmentSession) -> None:
    """Raise SessionRefused where the Profile Service should have told which device it is.

    Its first profile holds the session's challenge already, which alone must bring nothing.
    """
    if not session.token.profile_service:
        return
    reported = find_reported_device(session)
    if reported is None or reported.completed_at is None:
        raise SessionRefused(
            "device_not_identified", "the Profile Service was left out", token_id=session.token.jti
        )
