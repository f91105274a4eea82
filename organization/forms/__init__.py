"""What the console's forms and the filters of its lists share."""

from organization.forms.console_form import ConsoleForm, KeyFileForm
from organization.forms.fields import LinesField, MomentField, warn_when
from organization.forms.filters import ConsoleFilterSet, NewestSearch, SearchFilter

__all__ = [
    "ConsoleFilterSet",
    "ConsoleForm",
    "KeyFileForm",
    "LinesField",
    "MomentField",
    "NewestSearch",
    "SearchFilter",
    "warn_when",
]
