"""Enrollment › SCEP: the profiles, whether their servers are there, and whether they work."""

from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from organization.console import WORDS, ListPage, Section, Sort, role_required
from organization.models import Role
from scep.errors import (
    FingerprintMismatch,
    ProfileGone,
    ProfileInUse,
    ProfileInvalid,
    ServerUnreachable,
)
from scep.forms import ScepProfileFilter, ScepProfileForm
from scep.models import HeldRequestState, ScepProfile
from scep.selectors import find_next_ca, get_ca_certificate_fingerprint
from scep.services import profile_test
from scep.services.external_servers import check_profile, fetch_ca_certificates
from scep.services.permitted_names import list_profile_warnings
from scep.services.profiles import create_scep_profile, delete_scep_profile, update_scep_profile
from scep.services.trusted_authorities import list_trust_warnings, propose_authorities

MOST = 10_000  # certificates of a profile that its page counts


def _list_profiles() -> "QuerySet[ScepProfile]":
    profiles = ScepProfile.objects.select_related("issuing_ca")
    return profiles.defer("issuing_ca__private_key", "issuing_ca__certificate").order_by("name")


def _describe_server(request: HttpRequest, profile: ScepProfile) -> dict[str, Any]:
    own_url = f"{settings.BASE_URL}/scep/{profile.public_id}"
    certificates = profile.certificates.order_by()
    return {
        "server_url": profile.external_url or own_url,
        "fingerprint": get_ca_certificate_fingerprint(profile).hex(":").upper(),
        "trusted": profile.trusted_cas.defer("private_key", "certificate"),
        "certificate_count": certificates[: MOST + 1].count(),
        "most": MOST,
        "warnings": _list_warnings(profile),
    }


def _list_warnings(profile: ScepProfile) -> list[str]:
    """Return what its CA, of today and next, may not certify, and whose devices are refused."""
    warnings, following = list_profile_warnings(profile), find_next_ca()
    warnings += list_trust_warnings(profile, now=timezone.now())
    if following is not None and profile.issuing_ca is not None and not profile.single_certificate:
        warnings += list_profile_warnings(profile, authority=following)
    return warnings


def _fetch_authority(request: HttpRequest, profile: ScepProfile | None) -> ScepProfileForm:
    """Return the form as it was filled in, with what the external server says of its CA."""
    form = ScepProfileForm.keep_typed(request.POST, row=profile)
    url, ca_name = (str(form.initial[name]).strip() for name in ("external_url", "ca_name"))
    try:
        form.fetched = fetch_ca_certificates(url, ca_name=ca_name)
    except ServerUnreachable as refusal:
        form.fetch_error = str(refusal)
        return form
    form.initial.update(ca_fingerprint=form.fetched.fingerprint, is_confirmed=False)
    if not form.initial["trusted_ca_pem"].strip():
        authorities = propose_authorities(
            form.fetched.certificates, trusting=profile, now=timezone.now()
        )
        pem = "".join(each.public_bytes(Encoding.PEM).decode() for each in authorities)
        form.initial["trusted_ca_pem"] = pem
    return form


@role_required(Role.OPERATOR)
def try_scep_profile(request: HttpRequest, key: str) -> HttpResponse:
    profile = get_object_or_404(_list_profiles(), public_id=key)
    context: dict[str, Any] = {"row": profile}
    if request.method == "POST":
        steps = profile_test.try_profile(profile, now=timezone.now())
        context |= {"steps": steps, "is_good": all(step.ok for step in steps)}
    return render(request, "console/scep/test.html", context)


@role_required()
def check_scep_profile(request: HttpRequest, key: str) -> HttpResponse:
    profile = get_object_or_404(_list_profiles(), public_id=key)
    if request.method == "POST":
        try:
            check_profile(profile, now=timezone.now())
            _tell_check(request, profile)
        except ProfileInvalid as refusal:
            messages.error(request, str(refusal))
    return redirect("console:scep-profile", key)


def _tell_check(request: HttpRequest, profile: ScepProfile) -> None:
    if not profile.check_code:
        messages.success(request, gettext("The server answers, with the CA that was confirmed."))
    elif profile.check_code == FingerprintMismatch.code:
        messages.error(request, gettext("The server answers with another CA."))
    else:
        messages.error(request, gettext("The server does not answer as it should."))


def _describe_deletion(profile: ScepProfile) -> list[str]:
    count = profile.held_requests.filter(state=HeldRequestState.PENDING).count()
    if not count:
        return []
    words = ngettext(
        "%(count)s request waits for approval and goes with it: its device gets no certificate.",
        "%(count)s requests wait for approval and go with it: their devices get no certificates.",
        count,
    )
    return [words % {"count": count}]


SCEP_PROFILES = Section(
    name="scep-profiles",
    item="scep-profile",
    route="enrollment/scep/",
    add_label=_("Add SCEP profile"),
    page=ListPage(
        title=_("SCEP"),
        path=(_("Enrollment"),),
        default_ordering="name",
        columns=(
            Sort("name", _("SCEP profile"), WORDS, ("name", "pk")),
            _("Server"),
            _("Challenge"),
            _("Key"),
            _("State"),
        ),
        row_template="console/scep/row.html",
        get_rows=_list_profiles,
        filterset=ScepProfileFilter,
        empty_title=_("No SCEP profiles yet"),
        empty_text=_("Add one, then choose it when you generate a token."),
    ),
    item_template="console/scep/profile.html",
    get_item_context=_describe_server,
    form=ScepProfileForm,
    form_template="console/scep/form.html",
    form_steps={"fetch": _fetch_authority},
    create=create_scep_profile,
    update=update_scep_profile,
    delete=delete_scep_profile,
    list_consequences=_describe_deletion,
    refusals=(ProfileGone, ProfileInvalid, ProfileInUse),
    write_role=Role.ADMINISTRATOR,
)

console_urlpatterns: list[URLPattern] = [
    *SCEP_PROFILES.build_urls(),
    path("enrollment/scep/<str:key>/test", try_scep_profile, name="scep-profile-test"),
    path("enrollment/scep/<str:key>/check", check_scep_profile, name="scep-profile-check"),
]
