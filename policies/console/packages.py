"""Administrators' doors: Packages, uploaded apps of one's own."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from devices.errors import CommandInvalid, NotEnrolled
from organization.console import (
    PAST,
    SIZE,
    WORDS,
    ListPage,
    Section,
    Sort,
    get_actor,
    role_required,
)
from organization.models import Role
from policies.console.package_upload import PackageUploadHandler
from policies.errors import PackageInUse, PackageInvalid
from policies.forms import InstallForm, PackageFilter, PackageForm
from policies.models import Package, PolicyItem
from policies.services.packages import add_package, delete_package, install_package


def _list_packages() -> "QuerySet[Package]":
    return Package.objects.defer("chunk_sha256s", "chunk_md5s").order_by("-id")


def _list_items(request: HttpRequest, package: Package) -> dict[str, Any]:
    items = PolicyItem.objects.filter(package=package).select_related("policy")
    return {"items": items.defer("profile", "configuration").order_by("policy__name")}


PACKAGES = Section(
    name="packages",
    item="package",
    route="packages/",
    add_label=gettext_lazy("Upload package"),
    page=ListPage(
        title=gettext_lazy("Packages"),
        columns=(
            Sort("name", gettext_lazy("Package"), WORDS, ("name", "pk")),
            gettext_lazy("Version"),
            gettext_lazy("Platforms"),
            Sort("size", gettext_lazy("Size"), SIZE, ("size", "pk")),
            Sort("created_at", gettext_lazy("Uploaded"), PAST, ("pk",)),
        ),
        default_ordering="-created_at",
        template="console/package/list.html",
        row_template="console/package/row.html",
        get_rows=_list_packages,
        filterset=PackageFilter,
        add_template="console/package/add.html",
        empty_title=gettext_lazy("No packages yet"),
        empty_text=gettext_lazy("Upload an .ipa or a signed .pkg, then add it to a policy."),
    ),
    item_template="console/package/package.html",
    get_item_context=_list_items,
    delete=delete_package,
    refusals=(PackageInUse,),
)


@csrf_exempt  # for the moment: the token stands in the form, which must not be read before
@role_required(Role.OPERATOR)
def upload_package(request: HttpRequest) -> HttpResponse:
    handler = PackageUploadHandler(request)
    request.upload_handlers = [handler]
    return _upload_package(request, handler=handler)


@csrf_protect
def _upload_package(request: HttpRequest, *, handler: PackageUploadHandler) -> HttpResponse:
    is_sent = request.method == "POST"
    form = PackageForm(request.POST if is_sent else None, request.FILES if is_sent else None)
    if handler.refusal:
        form.errors.clear()
        form.add_error("upload", handler.refusal)
    elif form.is_valid():
        upload = form.cleaned_data["upload"]
        try:
            package = add_package(upload.incoming, file_name=upload.name, actor=get_actor(request))
        except PackageInvalid as refusal:
            form.add_error("upload", str(refusal))
        else:
            messages.success(request, _("“%s” is saved.") % package)
            return redirect("console:package", package.public_id)
    return render(request, "console/package/upload.html", {"form": form, "section": PACKAGES})


@role_required(Role.OPERATOR)
def install_on_device(request: HttpRequest, key: str) -> HttpResponse:
    package = get_object_or_404(Package, public_id=key)
    form = InstallForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        device = form.cleaned_data["device"]
        try:
            install_package(package, device=device, actor=get_actor(request))
        except (NotEnrolled, CommandInvalid, PackageInvalid) as refusal:
            form.add_error("device", str(refusal))
        else:
            messages.success(request, _("“%s” is asked to install it.") % device)
            return redirect("console:device", device.public_id)
    return render(request, "console/package/install.html", {"form": form, "package": package})


console_urlpatterns: list[URLPattern] = [
    path("packages/new", upload_package, name="package-new"),
    path("packages/<str:key>/install", install_on_device, name="package-install"),
    *PACKAGES.build_urls(),
]
