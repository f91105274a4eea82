"""The switch on the Tokens page: nobody enrolls anew, or people may again."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from organization.console import get_actor, role_required
from organization.models import Role
from organization.selectors import get_organization
from organization.services.enrollment_stop import resume_enrollments, stop_enrollments


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
def stop(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "console/token/stop.html")
    stop_enrollments(get_organization(), actor=get_actor(request))
    # The page says so for as long as it lasts.
    return redirect("console:tokens")


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
def resume(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        resume_enrollments(get_organization(), actor=get_actor(request))
        messages.success(request, _("Devices may enroll again."))
    return redirect("console:tokens")


urlpatterns: list[URLPattern] = [
    path("enrollment/ota/stop", stop, name="enrollments-stop"),
    path("enrollment/ota/resume", resume, name="enrollments-resume"),
]
