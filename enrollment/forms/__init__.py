from enrollment.forms.invitations import InvitationFilter, InvitationForm
from enrollment.forms.sessions import SessionFilter
from enrollment.forms.tokens import LogFilter, TokenFilter, TokenForm

__all__ = [
    "InvitationFilter",
    "InvitationForm",
    "LogFilter",
    "SessionFilter",
    "TokenFilter",
    "TokenForm",
]
