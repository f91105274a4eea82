from scep.forms.certificates import RevocationForm
from scep.forms.profile import ScepProfileFilter, ScepProfileForm

__all__ = ["RevocationForm", "ScepProfileFilter", "ScepProfileForm"]
