"""What the list of devices can be ordered by."""

from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from organization.console import PAST, WORDS, Sort

NAME = Sort("name", _("Device"), WORDS, ("name", "pk"))
SERIAL_NUMBER = Sort("serial_number", _("Serial"), WORDS, ("serial_number", "pk"))
STATUS = Sort("status", _("Status"), WORDS, ("status", "pk"))
PLATFORM = Sort("platform", _("Platform"), WORDS, ("platform", "-pk"))
# As a number, or 9 would come behind 26; an index knows it in this form.
OS_VERSION = Sort("os_version", _("OS"), PAST, (Coalesce("os_version_number", Value(0)), "pk"))
OWNER = Sort("owner", _("Owner"), WORDS, ("owner", "pk"))
LAST_SEEN = Sort("last_seen_at", _("Last seen"), PAST, ("last_seen_at", "pk"), none_is="lowest")

DEVICE_COLUMNS = (
    (NAME, SERIAL_NUMBER),
    STATUS,
    (PLATFORM, OS_VERSION),
    _("Group"),
    OWNER,
    LAST_SEEN,
)
