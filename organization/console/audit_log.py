"""System › Audit log: who changed what, and who signed in."""

import json
from collections.abc import Iterator
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from organization.console.access import role_required
from organization.console.csv_export import build_csv_response
from organization.console.lists import ListPage
from organization.console.ordering import PAST, Sort
from organization.console.section import Section
from organization.forms import ConsoleFilterSet, NewestSearch
from organization.models import AuditEntry

CSV_COLUMNS = (
    "created_at", "action", "subject_id", "subject", "actor", "remote_address", "detail",
)  # fmt: skip
CSV_HEADER = ("time", "action", "subject_id", "subject", "who", "address", "detail")


class AuditSearch(NewestSearch):
    place = "pk"


class AuditFilter(ConsoleFilterSet):
    q = AuditSearch(
        "actor", "action", "subject", "subject_id", placeholder=_("Search who, what, which…")
    )
    kind = django_filters.ChoiceFilter(
        label=_("Kind"),
        method="filter_kind",
        choices=(("changes", _("Changes")), ("sign-ins", _("Sign-ins"))),
        empty_label=_("Everything"),
    )

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()

    def filter_kind(
        self, rows: "QuerySet[AuditEntry]", name: str, value: str
    ) -> "QuerySet[AuditEntry]":
        choose = rows.filter if value == "sign-ins" else rows.exclude
        return choose(action__startswith="sign_in")


PAGE = ListPage(
    title=_("Audit log"),
    path=(_("System"),),
    columns=(_("Action"), _("Subject"), _("Who"), Sort("created_at", _("Time"), PAST, ("pk",))),
    default_ordering="-created_at",
    row_template="console/audit_row.html",
    get_rows=AuditEntry.objects.all,
    filterset=AuditFilter,
    export_view="console:audit-log-export",
    empty_title=_("Nothing has been changed yet"),
    empty_text=_("Every change by a person or a program, and every sign-in, is noted here."),
)
AUDIT_LOG = Section(name="audit-log", item="audit-entry", route="system/audit-log/", page=PAGE)


@role_required()
def export_entries(request: HttpRequest) -> HttpResponseBase:
    """Send what the filters show, however long and however far back."""
    return build_csv_response("audit-log", header=CSV_HEADER, rows=_build_csv_rows(request))


def _build_csv_rows(request: HttpRequest) -> Iterator[tuple[Any, ...]]:
    for part in PAGE.list_parts(request):
        for *cells, detail in part.values_list(*CSV_COLUMNS).iterator():
            yield (*cells, json.dumps(detail, ensure_ascii=False) if detail else "")


console_urlpatterns: list[URLPattern] = [
    path("system/audit-log/export.csv", export_entries, name="audit-log-export"),
    *AUDIT_LOG.build_urls(),
]
