"""What the console's list of SCEP profiles is narrowed by."""

import django_filters
from django.utils.translation import gettext_lazy as _

from organization.forms import ConsoleFilterSet, SearchFilter
from scep.models import ChallengeType, ScepProfile, ScepServerType


class ScepProfileFilter(ConsoleFilterSet):
    q = SearchFilter("name", "public_id", "external_url", placeholder=_("Search SCEP profiles…"))
    server_type = django_filters.ChoiceFilter(
        label=_("Server"), choices=ScepServerType, empty_label=_("All")
    )
    challenge_type = django_filters.ChoiceFilter(
        label=_("Challenge type"), choices=ChallengeType, empty_label=_("All")
    )

    class Meta:
        model = ScepProfile
        fields: tuple[str, ...] = ()
