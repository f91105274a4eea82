"""The console's form of a SCEP profile."""

from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from organization.forms import ConsoleForm, LinesField, warn_when
from scep.errors import ProfileInvalid
from scep.forms.fields import FingerprintField, build_password_field
from scep.models import ChallengeType, HookType, KeyUsage, ScepProfile, ScepServerType
from scep.models.profile import default_subject
from scep.protocol.addresses import MAX_URL
from scep.protocol.certificates import normalize_fingerprint
from scep.protocol.subject_template import (
    VARIABLES,
    verify_alternative_name_templates,
    verify_subject_template,
)
from scep.services.profile_checks import (
    KEY_SIZES,
    MAX_HOOK_USERNAME,
    MAX_NAME,
    MAX_VALIDITY_DAYS,
    MIN_STATIC_CHALLENGE,
)
from scep.services.profiles import SECRETS
from scep.services.trusted_authorities import MAX_PEM

CHALLENGES = (
    (ChallengeType.DYNAMIC, _("Dynamic: a one-time challenge generated per enrollment")),
    (ChallengeType.TOKEN, _("Token-based: the JWT token itself acts as the challenge")),
    (ChallengeType.STATIC, _("Static: a pre-shared password embedded in the profile")),
)
SERVERS = (
    (ScepServerType.BUILTIN, _("Built-in CA: this server issues the certificates")),
    (ScepServerType.EXTERNAL, _("External SCEP server: another CA issues them")),
)
HOOKS = (
    ("", "—"),
    (HookType.NDES, _("NDES admin page (Microsoft)")),
    (HookType.JSON, _("JSON over HTTPS")),
)
USAGES = (
    (KeyUsage.SIGNING_AND_ENCRYPTION, _("Signing and encryption")),
    (KeyUsage.SIGNING, _("Signing only")),
)
KEEPS = _("Left empty, an existing one is kept.")
NEEDED = _("An external server needs this.")


class ScepProfileForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), max_length=MAX_NAME)
    server_type = forms.ChoiceField(
        label=_("Server"),
        choices=SERVERS,
        initial=ScepServerType.BUILTIN,
        widget=forms.RadioSelect,
    )

    external_url = forms.CharField(
        label=_("SCEP server URL"),
        required=False,
        max_length=MAX_URL,
        widget=forms.URLInput(
            attrs={"placeholder": "https://ndes.example.com/certsrv/mscep/mscep.dll"}
        ),
        help_text=_("https, without a question mark. Devices ask it directly."),
    )
    ca_name = forms.CharField(
        label=_("CA name"),
        required=False,
        max_length=MAX_NAME,
        help_text=_("Only where the server has several CAs."),
    )
    ca_fingerprint = FingerprintField(
        label=_("CA fingerprint (SHA-256)"),
        required=False,
        max_length=120,
        help_text=_("Goes into every profile: devices refuse a server with another CA."),
    )
    is_confirmed = forms.BooleanField(
        label=_("I have compared this fingerprint with what the server's operator told me"),
        required=False,
    )
    trusted_ca_pem = forms.CharField(
        label=_("Trusted CA certificates (PEM)"),
        required=False,
        max_length=MAX_PEM,
        widget=forms.Textarea(attrs={"class": "pem", "rows": 6, "spellcheck": "false"}),
        help_text=_(
            "Identities that they signed may check in. What stands here takes the place of those "
            "trusted now; left empty, they stay."
        ),
    )

    challenge_type = warn_when(
        forms.ChoiceField(
            label=_("Challenge type"),
            choices=CHALLENGES,
            initial=ChallengeType.DYNAMIC,
            widget=forms.RadioSelect,
        ),
        value="static",
        warning=_("Whoever reads one profile knows the challenge of every device."),
    )
    static_challenge = build_password_field(
        _("Static challenge"),
        least=MIN_STATIC_CHALLENGE,
        help_text=_(
            "At least 8 characters that are no blanks. Left empty, an existing one is kept."
        ),
    )
    hook_type = forms.ChoiceField(
        label=_("One-time challenges come from"), choices=HOOKS, required=False
    )
    hook_url = forms.CharField(
        label=_("Challenge URL"),
        required=False,
        max_length=MAX_URL,
        widget=forms.URLInput(
            attrs={"placeholder": "https://ndes.example.com/certsrv/mscep_admin/"}
        ),
        help_text=_(
            "Asked by this server for each enrollment. The documentation tells the shapes."
        ),
    )
    hook_username = forms.CharField(
        label=_("User name"),
        required=False,
        max_length=MAX_HOOK_USERNAME,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    hook_password = build_password_field(_("Password"), help_text=KEEPS)
    hold_for_approval = forms.BooleanField(
        label=_("Hold new enrollments until an administrator approves them"),
        required=False,
        help_text=_(
            "They wait under System › Certificates › Waiting for approval. Renewals do not wait."
        ),
    )

    subject = LinesField(
        label=_("Subject"),
        required=False,
        initial=default_subject,
        max_length=4000,
        help_text=_(
            "One name a line, such as CN={serial}. Left out while its variables are unknown."
        ),
    )
    subject_alternative_names = LinesField(
        label=_("Subject alternative names"),
        required=False,
        max_length=4000,
        help_text=_("One a line, with dns=, email=, uri= or upn= in front, such as email={owner}."),
    )
    key_size = forms.TypedChoiceField(
        label=_("Key size (RSA bits)"),
        choices=[(size, str(size)) for size in KEY_SIZES],
        coerce=int,
        initial=2048,
    )
    key_usage = forms.TypedChoiceField(
        label=_("Key usage"), choices=USAGES, coerce=int, initial=KeyUsage.SIGNING_AND_ENCRYPTION
    )
    validity_days = forms.IntegerField(
        label=_("Validity (days)"), min_value=1, max_value=MAX_VALIDITY_DAYS, initial=365
    )
    renewal_days = forms.IntegerField(
        label=_("Renew this many days ahead"),
        required=False,
        min_value=1,
        max_value=MAX_VALIDITY_DAYS - 1,
        help_text=_("Left empty: 180, or a third of the certificate's life."),
    )
    single_certificate = forms.BooleanField(
        label=_("Answer GetCACert with a single CA certificate"),
        required=False,
        help_text=_("For clients that cannot handle a registration authority. Apple's can."),
    )
    allow_legacy = warn_when(
        forms.BooleanField(label=_("Allow legacy devices"), required=False),
        value="True",
        warning=_("3DES and SHA-1 are accepted from devices that know nothing better."),
    )

    variables = VARIABLES
    # What the fetch step has brought: scep.services.external_servers.ExternalCa, or why not.
    fetched: Any = None
    fetch_error: str = ""

    @classmethod
    def keep_typed(cls, data: Any, *, row: Any) -> "ScepProfileForm":
        """Return the form as it was filled in, but not judged yet; secrets are not repeated."""
        typed = {
            name: field.widget.value_from_datadict(data, {}, name) or ""
            for name, field in cls.base_fields.items()
            if name not in SECRETS
        }
        return cls(row=row, initial=typed)

    @cached_property
    def trusted(self) -> list[Any]:
        """The CAs that are trusted now."""
        return list(self.row.trusted_cas.all()) if self.row is not None else []  # type: ignore[attr-defined]

    def read_row(self, row: Any) -> dict[str, Any]:
        initial = super().read_row(row)
        return {name: value for name, value in initial.items() if name not in SECRETS}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        self.refuse_duplicate(ScepProfile.objects.all(), name=name)
        return name

    def clean_subject(self) -> list[str]:
        return self._check_template("subject", verify_subject_template)

    def clean_subject_alternative_names(self) -> list[str]:
        return self._check_template("subject_alternative_names", verify_alternative_name_templates)

    def _check_template(self, name: str, verify: Any) -> list[str]:
        lines: list[str] = self.cleaned_data[name]
        try:
            verify(lines)
        except ProfileInvalid as error:
            raise forms.ValidationError(str(error)) from error
        return lines

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        is_confirmed = data.pop("is_confirmed", False)
        self._clean_static_challenge(data)
        data["hook_password"] = data.get("hook_password") or None
        if data.get("server_type") == ScepServerType.EXTERNAL:
            self._check_external(data, is_confirmed=is_confirmed)
            if data.get("challenge_type") == ChallengeType.DYNAMIC:
                self._check_hook(data)
        return data

    def _clean_static_challenge(self, data: dict[str, Any]) -> None:
        if data.get("challenge_type") != ChallengeType.STATIC:
            data["static_challenge"] = None
        elif not data.get("static_challenge") and "static_challenge" not in self.errors:
            data["static_challenge"] = None
            if not (self.row and self.row.static_challenge):  # type: ignore[attr-defined]
                self.add_error("static_challenge", _("A static challenge is needed."))

    def _check_external(self, data: dict[str, Any], *, is_confirmed: bool) -> None:
        if data.get("challenge_type") == ChallengeType.TOKEN:
            message = _("An external server cannot check a token: choose dynamic or static.")
            self.add_error("challenge_type", message)
        for name in ("external_url", "ca_fingerprint"):
            if not data.get(name) and name not in self.errors:
                self.add_error(name, NEEDED)
        if not data.get("trusted_ca_pem") and not self.trusted:
            self.add_error("trusted_ca_pem", NEEDED)
        if data.get("ca_fingerprint") and self._is_new(data["ca_fingerprint"]) and not is_confirmed:
            self.add_error("is_confirmed", _("Compare the fingerprint before it is trusted."))

    def _is_new(self, fingerprint: str) -> bool:
        digits = normalize_fingerprint(fingerprint)
        return self.row is None or digits != self.row.ca_fingerprint  # type: ignore[attr-defined]

    def _check_hook(self, data: dict[str, Any]) -> None:
        for name in ("hook_type", "hook_url"):
            if not data.get(name) and name not in self.errors:
                self.add_error(name, NEEDED)
