"""System › Settings: how the organization presents itself to the people who enroll."""

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext, gettext_lazy

from organization.console.access import get_actor, role_required
from organization.forms import ConsoleForm
from organization.models import Organization, Role, ServerTrust, may
from organization.protocol.colour import DEFAULT_ACCENT, decode_colour
from organization.protocol.logo import MAX_BYTES, LogoRefused
from organization.selectors import get_organization
from organization.services.settings import change_settings

_ = gettext_lazy


FOUND = {
    "public": _("Found: a public CA vouches for it."),
    "own": _("Found: this server’s root CA vouches for it, so devices must trust that first."),
    "other": _(
        "Found: neither a public CA nor this server’s vouches for it, or it has expired or is for "
        "another name. Devices enroll only if they trust it by other means."
    ),
}


def describe_server_trust(organization: Organization) -> str:
    """Return who was found to vouch for the TLS certificate, in a sentence."""
    found = FOUND.get(organization.server_trust_found, "")
    return str(found or _("Who vouches for it is looked up every five minutes."))


class SettingsForm(ConsoleForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        help_text=_("As people know it. Tokens and devices keep working when it changes."),
    )
    support_contact = forms.CharField(
        label=_("Help contact"),
        max_length=200,
        required=False,
        help_text=_(
            "Stands on the enrollment page. E-mail addresses, phone numbers and links in it can be "
            "tapped, e.g. “IT desk, +41 44 123 45 67, it@example.com”."
        ),
    )
    accent_colour = forms.CharField(
        label=_("Accent colour"),
        required=False,
        widget=forms.TextInput(attrs={"type": "color"}),
        help_text=_(
            "Of buttons and links on the enrollment page. It is darkened or lightened as far as "
            "texts need it to be readable, in light and in dark."
        ),
    )
    server_trust = forms.ChoiceField(
        label=_("Devices and this server’s TLS certificate"),
        choices=(
            (ServerTrust.AUTOMATIC, _("Find out")),
            (ServerTrust.PUBLIC, _("Devices trust it already: a public CA, or yours")),
            (ServerTrust.OWN, _("People must trust this server’s root CA first")),
        ),
        widget=forms.RadioSelect,
        help_text=_("Where they must, the enrollment page leads through it before anything else."),
    )
    logo = forms.FileField(
        label=_("Logo"),
        required=False,
        max_length=200,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg"}),
        help_text=_("PNG or JPEG of at most 1 MB. It is shown on white."),
    )
    remove_logo = forms.BooleanField(label=_("Remove the logo"), required=False)

    def __init__(self, *args: object, row: Organization, **options: object) -> None:
        super().__init__(*args, row=row, **options)
        trust = self.fields["server_trust"]
        trust.help_text = f"{trust.help_text} {describe_server_trust(row)}"
        self.initial["accent_colour"] = row.accent_colour or DEFAULT_ACCENT
        if not row.logo_digest:
            del self.fields["remove_logo"]

    def clean_accent_colour(self) -> str:
        text = self.cleaned_data["accent_colour"]
        try:
            return decode_colour(text) if text else ""
        except ValueError as error:
            raise forms.ValidationError(gettext("Write a colour as #rrggbb.")) from error

    def clean_logo(self) -> UploadedFile | None:
        upload: UploadedFile | None = self.cleaned_data["logo"]
        if upload and (upload.size or 0) > MAX_BYTES:
            raise forms.ValidationError(gettext("The file is larger than 1 MB."))
        return upload


@role_required(write=Role.ADMINISTRATOR)
def show_settings(request: HttpRequest) -> HttpResponse:
    organization = get_organization()
    form = None
    if may(request.user, Role.ADMINISTRATOR):
        form = SettingsForm(request.POST or None, request.FILES or None, row=organization)
        if request.method == "POST" and form.is_valid() and _save(form, actor=get_actor(request)):
            messages.success(request, gettext("The settings are saved."))
            return redirect("console:settings")
    context = {
        "form": form,
        "organization": organization,
        "server_trust": describe_server_trust(organization),
    }
    return render(request, "console/settings.html", context)


def _save(form: SettingsForm, *, actor: str) -> bool:
    values = dict(form.cleaned_data)
    logo, removes_logo = values.pop("logo"), values.pop("remove_logo", False)
    try:
        change_settings(
            get_organization(),
            actor=actor,
            logo=logo.read() if logo else None,
            removes_logo=removes_logo,
            **values,
        )
    except LogoRefused as refusal:
        form.add_error("logo", gettext(str(refusal)))
        return False
    return True


console_urlpatterns: list[URLPattern] = [path("system/settings", show_settings, name="settings")]
