from enrollment.forms.invitations import InvitationFilter, InvitationForm
from enrollment.forms.leaks import LeakForm
from enrollment.forms.sessions import SessionFilter
from enrollment.forms.tokens import LogFilter, TokenFilter, TokenForm, describe_settings

__all__ = [
    "InvitationFilter",
    "InvitationForm",
    "LeakForm",
    "LogFilter",
    "SessionFilter",
    "TokenFilter",
    "TokenForm",
    "describe_settings",
]
