"""Devices › Apps: every app that devices have, how many have it and in which versions."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from devices.models import SoftwareTitle, SoftwareVersion
from organization.console import NUMBER, WORDS, ListPage, Sort, role_required
from organization.forms import ConsoleFilterSet, SearchFilter


class TitleFilter(ConsoleFilterSet):
    q = SearchFilter("name", "identifier", placeholder=_("Search name, identifier…"))

    class Meta:
        model = SoftwareTitle
        fields: tuple[str, ...] = ()


class VersionFilter(ConsoleFilterSet):
    q = SearchFilter("short_version", "version", placeholder=_("Search version…"))

    class Meta:
        model = SoftwareVersion
        fields: tuple[str, ...] = ()


TITLES = ListPage(
    title=_("Devices"),
    tab=_("Apps"),
    columns=(
        Sort("name", _("App"), WORDS, ("name", "pk")),
        Sort("devices", _("Devices"), NUMBER, ("device_count", "-pk")),
        Sort("versions", _("Versions"), NUMBER, ("version_count", "-pk")),
    ),
    default_ordering="-devices",
    template="console/software/list.html",
    row_template="console/software/row.html",
    get_rows=lambda: SoftwareTitle.objects.filter(device_count__gt=0),
    filterset=TitleFilter,
    is_huge=True,
    empty_title=_("No apps yet"),
    empty_text=_("Devices list their apps once a day; they are counted every five minutes."),
)
VERSIONS = ListPage(
    title="",
    columns=(_("Version"), _("Source"), _("Devices")),
    template="console/software/title.html",
    row_template="console/software/version_row.html",
    get_rows=SoftwareVersion.objects.none,
    filterset=VersionFilter,
    is_huge=True,
    empty_title=_("No device has it"),
    empty_text=_("Its versions are counted every five minutes."),
)


@role_required()
def list_titles(request: HttpRequest) -> HttpResponse:
    return TITLES.render(request)


@role_required()
def list_versions(request: HttpRequest, key: str) -> HttpResponse:
    title = get_object_or_404(SoftwareTitle, public_id=key)
    rows = title.versions.filter(device_count__gt=0)
    page = replace(VERSIONS, title=str(title), get_rows=lambda: rows)
    return page.render(request, software=title)
