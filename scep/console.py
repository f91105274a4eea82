"""Administrators' doors: Enrollment › SCEP."""

from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.translation import gettext_lazy as _

from organization.console import ListPage, Section
from organization.models import Role
from scep.errors import ProfileInUse, ProfileInvalid
from scep.forms import ScepProfileFilter, ScepProfileForm
from scep.models import ScepProfile
from scep.selectors import get_ca_certificate_fingerprint
from scep.services.profiles import create_scep_profile, delete_scep_profile, update_scep_profile


def _list_profiles() -> "QuerySet[ScepProfile]":
    return (
        ScepProfile.objects.select_related("issuing_ca")
        .defer("issuing_ca__private_key")
        .annotate(certificate_count=Count("certificates", distinct=True))
        .order_by("name")
    )


def _describe_server(request: HttpRequest, profile: ScepProfile) -> dict[str, Any]:
    return {
        "server_url": f"{settings.BASE_URL}/scep/{profile.public_id}",
        "fingerprint": get_ca_certificate_fingerprint(profile).hex(":").upper(),
    }


SCEP_PROFILES = Section(
    name="scep-profiles",
    item="scep-profile",
    route="enrollment/scep/",
    add_label=_("Add SCEP profile"),
    page=ListPage(
        title=_("SCEP"),
        path=(_("Enrollment"),),
        columns=(
            _("SCEP profile"),
            _("Challenge"),
            _("Key size"),
            _("Validity"),
            _("Certificates"),
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
    create=create_scep_profile,
    update=update_scep_profile,
    delete=delete_scep_profile,
    refusals=(ProfileInvalid, ProfileInUse),
    write_role=Role.ADMINISTRATOR,
)

console_urlpatterns: list[URLPattern] = SCEP_PROFILES.build_urls()
