from scep.forms.authorities import (
    ExportAuthorityForm,
    ImportAuthorityForm,
    PrepareAuthorityForm,
)
from scep.forms.certificates import (
    AuthorityRevocationForm,
    RevocationForm,
    ServiceRevocationForm,
)
from scep.forms.filters import ScepProfileFilter
from scep.forms.profile import ScepProfileForm

__all__ = [
    "AuthorityRevocationForm",
    "ExportAuthorityForm",
    "ImportAuthorityForm",
    "PrepareAuthorityForm",
    "RevocationForm",
    "ScepProfileFilter",
    "ScepProfileForm",
    "ServiceRevocationForm",
]
