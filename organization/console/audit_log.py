"""System › Audit log: who changed what, and who signed in."""

import django_filters
from django.db.models import QuerySet
from django.urls import URLPattern
from django.utils.translation import gettext_lazy as _

from organization.console.lists import ListPage
from organization.console.ordering import PAST, Sort
from organization.console.section import Section
from organization.forms import ConsoleFilterSet, NewestSearch
from organization.models import AuditEntry


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


AUDIT_LOG = Section(
    name="audit-log",
    item="audit-entry",
    route="system/audit-log/",
    page=ListPage(
        title=_("Audit log"),
        path=(_("System"),),
        columns=(_("Action"), _("Subject"), _("Who"), Sort("created_at", _("Time"), PAST, ("pk",))),
        default_ordering="-created_at",
        row_template="console/audit_row.html",
        get_rows=AuditEntry.objects.all,
        filterset=AuditFilter,
        empty_title=_("Nothing has been changed yet"),
        empty_text=_("Every change by a person or a program, and every sign-in, is noted here."),
    ),
)

console_urlpatterns: list[URLPattern] = AUDIT_LOG.build_urls()
