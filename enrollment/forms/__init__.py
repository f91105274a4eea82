from enrollment.forms.invitations import InvitationFilter, InvitationForm
from enrollment.forms.tokens import LogFilter, TokenFilter, TokenForm

__all__ = ["InvitationFilter", "InvitationForm", "LogFilter", "TokenFilter", "TokenForm"]
