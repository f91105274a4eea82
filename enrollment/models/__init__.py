from enrollment.models.anomaly import Anomaly, AnomalyKind
from enrollment.models.invitation import Invitation, InvitationState, MailState
from enrollment.models.kiosk import Kiosk
from enrollment.models.log import LogEntry, LogLevel
from enrollment.models.reported_device import ReportedDevice
from enrollment.models.session import EnrollmentSession, SessionState
from enrollment.models.signing_key import TokenSigningKey
from enrollment.models.step import SessionStep
from enrollment.models.token import AllowedSerial, EnrollmentToken, TokenState, TokenUse

__all__ = [
    "AllowedSerial",
    "Anomaly",
    "AnomalyKind",
    "EnrollmentSession",
    "EnrollmentToken",
    "Invitation",
    "InvitationState",
    "Kiosk",
    "LogEntry",
    "LogLevel",
    "MailState",
    "ReportedDevice",
    "SessionState",
    "SessionStep",
    "TokenSigningKey",
    "TokenState",
    "TokenUse",
]
