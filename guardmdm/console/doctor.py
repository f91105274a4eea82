"""System › Doctor: what the server needs, how it is, and how to mend what is wrong."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from guardmdm.examination import decode_findings, find_latest, is_running, start_examination
from guardmdm.health import Finding
from organization.console import role_required
from organization.models import Role


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
def show_doctor(request: HttpRequest) -> HttpResponse:
    """Show the latest examination, which a POST begins; the page never waits for one."""
    now = timezone.now()
    if request.method == "POST":
        start_examination(now=now)
        return redirect("console:doctor")
    examination = find_latest()
    findings = decode_findings(examination)
    running = is_running(examination, now=now)
    if examination is not None and examination.finished_at is None and not running:
        messages.warning(
            request, _("The last examination did not come to its end. Start it again.")
        )
    context = {
        "examination": examination,
        "is_running": running,
        "failures": [each for each in findings if each.is_failure],
        "warnings": [each for each in findings if each.fix and not each.is_failure],
        "well": [each for each in findings if is_well(each)],
    }
    name = "findings" if getattr(request, "htmx", False) else "doctor"
    return render(request, f"console/doctor/{name}.html", context)


def is_well(finding: Finding) -> bool:
    return not finding.fix and not finding.is_failure
