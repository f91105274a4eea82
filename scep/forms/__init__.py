from scep.forms.certificates import RevocationForm
from scep.forms.filters import ScepProfileFilter
from scep.forms.profile import ScepProfileForm

__all__ = ["RevocationForm", "ScepProfileFilter", "ScepProfileForm"]
