"""System › Audit log: who changed what."""

from django.urls import URLPattern
from django.utils.translation import gettext_lazy as _

from organization.console.lists import ListPage
from organization.console.section import Section
from organization.forms import ConsoleFilterSet, SearchFilter
from organization.models import AuditEntry


class AuditFilter(ConsoleFilterSet):
    q = SearchFilter(
        "actor", "action", "subject", "subject_id", placeholder=_("Search who, what, which…")
    )

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()


AUDIT_LOG = Section(
    name="audit-log",
    item="audit-entry",
    route="system/audit-log/",
    page=ListPage(
        title=_("Audit log"),
        path=(_("System"),),
        columns=(_("Action"), _("Subject"), _("Who"), _("Time")),
        row_template="console/audit_row.html",
        get_rows=AuditEntry.objects.all,
        filterset=AuditFilter,
        empty_title=_("Nothing has been changed yet"),
        empty_text=_("Every change by a person or a program is noted here."),
    ),
)

console_urlpatterns: list[URLPattern] = AUDIT_LOG.build_urls()
