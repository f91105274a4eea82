"""The console's form of a new enrollment token, and the filters of tokens and log."""

from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.models import Group
from devices.selectors import find_device_ids
from enrollment.errors import TokenInvalid
from enrollment.models import EnrollmentSession, EnrollmentToken, LogEntry, LogLevel, TokenState
from enrollment.protocol.access_rights import FULL, RIGHTS_LEVELS
from enrollment.protocol.log_codes import LOG_CODES
from enrollment.protocol.serial_numbers import check_serial_numbers, split_serial_numbers
from enrollment.selectors import list_tokens
from enrollment.services.allow_list import list_allowed_serials
from organization.forms import (
    ConsoleFilterSet,
    ConsoleForm,
    MomentField,
    NewestSearch,
    SearchFilter,
    warn_when,
)
from scep.models import ScepProfile

LIFETIMES = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
EXPIRATIONS = (
    ("24h", _("24 hours")),
    ("7d", _("7 days")),
    ("30d", _("30 days")),
    ("never", _("Never")),
    ("custom", _("Custom date…")),
)
DEFAULT_USES = 100
MOST_SESSIONS = 500  # of the devices that a search finds


class TokenForm(ConsoleForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("A label for the token, e.g. “Engineering BYOD”"),
    )
    expiration = warn_when(
        forms.ChoiceField(
            label=_("Expiration"), choices=EXPIRATIONS, initial="7d", widget=forms.RadioSelect
        ),
        value="never",
        warning=_("Whoever finds the link in years can still enroll with it, until you revoke it."),
    )
    custom_expires_at = MomentField(label=_("Expires at"), required=False)
    group = forms.ModelChoiceField(
        label=_("Group Assignment"),
        queryset=Group.objects.all(),
        to_field_name="public_id",
        help_text=_("The device group new devices will be added to"),
    )
    scep_profile = forms.ModelChoiceField(
        label=_("SCEP Profile"),
        queryset=ScepProfile.objects.all(),
        to_field_name="public_id",
        required=False,
        empty_label=_("None: the profile carries an identity of its own"),
        help_text=_("The SCEP profile for certificate enrollment (optional)"),
    )
    rights = forms.ChoiceField(
        label=_("Rights"),
        choices=[
            (level.name, f"{level.label}: {level.summary}") for level in RIGHTS_LEVELS.values()
        ],
        initial=FULL,
        required=False,
        widget=forms.RadioSelect,
        help_text=_("For life: a device never gives more rights than it enrolled with."),
    )
    max_uses = warn_when(
        forms.IntegerField(
            label=_("Max Uses"),
            min_value=0,
            max_value=1_000_000,
            initial=DEFAULT_USES,
            help_text=_("0 = unlimited"),
        ),
        value="0",
        warning=_("Without a limit, a link that is passed on enrolls any number of devices."),
    )

    profile_service = forms.BooleanField(
        label=_("Identify the device first"),
        required=False,
        help_text=_(
            "Apple’s Profile Service: the device tells its serial number, UDID and IMEI before it "
            "gets a certificate, which can then name them"
        ),
    )

    hold_for_approval = forms.BooleanField(
        label=_("Hold for approval"),
        required=False,
        help_text=_("Each device waits until an administrator has approved it"),
    )
    allowed_serials = forms.CharField(
        label=_("Only these serial numbers"),
        required=False,
        max_length=400_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("One a line. Empty: every device may enroll."),
    )

    sign_in_required = forms.BooleanField(label=_("Sign-in before enrollment"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # As with manage.py create_token: the only group, or the oldest.
        self.fields["group"].initial = Group.objects.order_by("id").first()
        field = self.fields["sign_in_required"]
        field.disabled = not settings.OIDC_ISSUER
        field.help_text = (
            _("People sign in with %(provider)s first, and own the device that they enroll.")
            % {"provider": settings.OIDC_NAME}
            if settings.OIDC_ISSUER
            else _("Needs an identity provider: see GUARDMDM_OIDC_ISSUER.")
        )

    def clean_allowed_serials(self) -> list[str]:
        try:
            return check_serial_numbers(split_serial_numbers(self.cleaned_data["allowed_serials"]))
        except TokenInvalid as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        moment = data.pop("custom_expires_at", None)
        data["rights"] = data.get("rights") or FULL
        if "expiration" in data:
            data["expires_at"] = self._decode_expiration(data.pop("expiration"), moment)
        return data

    def _decode_expiration(self, choice: str, moment: datetime | None) -> datetime | None:
        if choice != "custom":
            return timezone.now() + LIFETIMES[choice] if choice in LIFETIMES else None
        if "custom_expires_at" not in self.errors and (not moment or moment <= timezone.now()):
            self.add_error("custom_expires_at", _("Choose a moment in the future."))
        return moment


def describe_settings(token: EnrollmentToken) -> dict[str, Any]:
    """Return the form's values that would generate another token like this one.

    Of the lifetimes that the form offers, it is the one nearest to this token's.
    """
    same = ("name", "rights", "max_uses", "profile_service", "hold_for_approval")
    values = {name: getattr(token, name) for name in (*same, "sign_in_required")}
    if token.group:
        values["group"] = token.group.public_id
    if token.scep_profile:
        values["scep_profile"] = token.scep_profile.public_id
    values["allowed_serials"] = "\n".join(list_allowed_serials(token))
    if token.expires_at is None:
        return values | {"expiration": "never"}
    life = token.expires_at - token.created_at
    nearest = min(LIFETIMES, key=lambda name: abs(LIFETIMES[name] - life))
    return values | {"expiration": nearest}


class TokenFilter(ConsoleFilterSet):
    q = SearchFilter("name", "jti", placeholder=_("Search name or jti…"))
    state = django_filters.ChoiceFilter(
        label=_("Status"), choices=TokenState, method="filter_state", empty_label=_("All")
    )
    group = django_filters.ModelChoiceFilter(
        label=_("Group Assignment"),
        queryset=Group.objects.all(),
        to_field_name="public_id",
        empty_label=_("All"),
    )
    scep_profile = django_filters.ModelChoiceFilter(
        label=_("SCEP Profile"),
        queryset=ScepProfile.objects.all(),
        to_field_name="public_id",
        empty_label=_("All"),
    )

    class Meta:
        model = EnrollmentToken
        fields: tuple[str, ...] = ()

    def filter_state(
        self, rows: "QuerySet[EnrollmentToken]", name: str, value: str
    ) -> "QuerySet[EnrollmentToken]":
        return rows & list_tokens(now=timezone.now(), state=value)


class LogSearch(NewestSearch):
    """By what an entry says, or by the device it is of: its name, numbers or owner."""

    identifiers = MappingProxyType(
        {"log": "public_id", "ses": "session_id", "dev": "device_id"},
    )

    def find_elsewhere(self, rows: "QuerySet[LogEntry]", text: str) -> "list[QuerySet[LogEntry]]":
        devices = find_device_ids(text)
        if not devices:
            return []
        sessions = EnrollmentSession.objects.filter(device_id__in=devices).order_by()
        ids = list(sessions.values_list("public_id", flat=True)[:MOST_SESSIONS])
        return [rows.filter(device_id__in=devices), rows.filter(session_id__in=ids)]


def list_codes() -> list[tuple[str, str]]:
    """Return the log's codes by what entries are called; where two are alike, with the code."""
    titles = [entry.title for entry in LOG_CODES.values()]
    named = [
        (
            entry.code,
            f"{entry.title} ({entry.code})" if titles.count(entry.title) > 1 else entry.title,
        )
        for entry in LOG_CODES.values()
    ]
    return sorted(named, key=lambda choice: choice[1].casefold())


class LogFilter(ConsoleFilterSet):
    q = LogSearch(
        "message",
        "session_id",
        "device_id",
        "code",
        "remote_address",
        placeholder=_("Search message, session, device…"),
    )
    level = django_filters.ChoiceFilter(label=_("Level"), choices=LogLevel, empty_label=_("All"))
    code = django_filters.ChoiceFilter(label=_("Code"), choices=list_codes, empty_label=_("All"))

    class Meta:
        model = LogEntry
        fields: tuple[str, ...] = ()
