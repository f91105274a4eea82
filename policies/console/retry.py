"""The door on a device's page by which an item that has failed is tried again."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from devices.models import Device
from organization.console import get_actor, role_required
from policies.selectors import find_status
from policies.services.retry import retry_item


@role_required()
def retry(request: HttpRequest, key: str) -> HttpResponse:
    """Start the item afresh, whatever has been tried; it may be done or gone meanwhile."""
    device = get_object_or_404(Device, public_id=key)
    if request.method == "POST":
        kind, identifier = request.POST.get("kind", ""), request.POST.get("identifier", "")
        status = find_status(device, kind=kind, identifier=identifier)
        if status is not None and retry_item(status, actor=get_actor(request)):
            messages.success(request, _("“%s” is tried again.") % status.name)
        else:
            messages.warning(request, _("There is nothing to try again."))
    if "list" in request.POST:  # it was asked for in the list of all that has failed
        return redirect(f"{reverse('console:failed-items')}?{request.POST['list']}")
    return redirect("console:device", key)


retry_urlpatterns: list[URLPattern] = [
    path("devices/<str:key>/retry", retry, name="device-retry"),
]
