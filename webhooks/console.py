"""System › Webhooks: who is told of what, whether it arrives, and what to do where it does not."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from organization.console import (
    WORDS,
    ListPage,
    Section,
    Sort,
    get_actor,
    recent_sign_in_required,
    role_required,
)
from organization.models import Role, may
from webhooks.errors import WebhookGone, WebhookInvalid, WebhookPaused
from webhooks.forms import WebhookFilter, WebhookForm
from webhooks.models import IS_WAITING, Delivery, Webhook
from webhooks.protocol.event_types import EVENT_TYPES
from webhooks.selectors import hide_path, list_webhooks, select_due, select_ready
from webhooks.services.webhooks import (
    create_webhook,
    delete_webhook,
    pause_webhook,
    resume_webhook,
    roll_secret,
    send_again,
    send_test,
    update_webhook,
)

SHOWN = 50
COUNTED = 10_000


@contextmanager
def _gone_is_not_found() -> Iterator[None]:
    """As a moment later, when its page is not there any more."""
    try:
        yield
    except WebhookGone as gone:
        raise Http404 from gone


def _show_created(request: HttpRequest, made: tuple[Webhook, str]) -> HttpResponse:
    """The one page that shows a new webhook's secret."""
    row, secret = made
    return _show_secret(request, row, secret=secret)


def _show_secret(request: HttpRequest, row: Webhook, *, secret: str) -> HttpResponse:
    return render(request, "console/webhook/secret.html", {"row": row, "secret": secret})


def _describe(request: HttpRequest, row: Webhook) -> dict[str, Any]:
    now = timezone.now()
    waiting = Delivery.objects.filter(IS_WAITING, webhook_id=row.pk).order_by()
    is_ready = select_ready(now=now).filter(pk=row.pk).exists()
    return {
        "url": row.url if may(request.user, Role.ADMINISTRATOR) else hide_path(row.url),
        "events": [(name, EVENT_TYPES.get(name, name)) for name in row.events],
        "deliveries": Delivery.objects.filter(webhook_id=row.pk).defer("body")[:SHOWN],
        "waiting": waiting[:COUNTED].count(),
        "is_moving": is_ready and select_due(row.pk, now=now).exists(),
    }


WEBHOOKS = Section(
    name="webhooks",
    item="webhook",
    route="system/webhooks/",
    add_label=_("Add webhook"),
    page=ListPage(
        title=_("Webhooks"),
        path=(_("System"),),
        columns=(
            Sort("name", _("Webhook"), WORDS, ("name", "pk")),
            _("Server"),
            _("Events"),
            _("State"),
        ),
        row_template="console/webhook/row.html",
        get_rows=list_webhooks,
        filterset=WebhookFilter,
        empty_title=_("No webhooks yet"),
        empty_text=_("Another server can be told as soon as a device enrolls or something fails."),
    ),
    item_template="console/webhook/webhook.html",
    get_item_context=_describe,
    form=WebhookForm,
    create=create_webhook,
    update=update_webhook,
    delete=delete_webhook,
    refusals=(WebhookGone, WebhookInvalid),
    show_created=_show_created,
    write_role=Role.ADMINISTRATOR,
    is_sensitive=True,
)


@role_required(write=Role.ADMINISTRATOR)
@_gone_is_not_found()
def test(request: HttpRequest, key: str) -> HttpResponse:
    row = WEBHOOKS.get_row(key)
    if request.method == "POST":
        try:
            send_test(row, actor=get_actor(request))
            messages.success(request, gettext("A test is on its way; below is what comes of it."))
        except WebhookPaused as refusal:
            messages.error(request, gettext(str(refusal)))
    return redirect("console:webhook", key)


@role_required(write=Role.ADMINISTRATOR)
@_gone_is_not_found()
def pause(request: HttpRequest, key: str) -> HttpResponse:
    row = WEBHOOKS.get_row(key)
    if request.method == "POST":
        pause_webhook(row, actor=get_actor(request))
        messages.success(request, gettext("The webhook is paused."))
    return redirect("console:webhook", key)


@role_required(write=Role.ADMINISTRATOR)
@_gone_is_not_found()
def resume(request: HttpRequest, key: str) -> HttpResponse:
    row = WEBHOOKS.get_row(key)
    if request.method == "POST":
        resume_webhook(row, actor=get_actor(request))
        messages.success(request, gettext("The webhook is active again."))
    return redirect("console:webhook", key)


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
@recent_sign_in_required
@_gone_is_not_found()
def roll(request: HttpRequest, key: str) -> HttpResponse:
    """Ask first, then show the new secret, once."""
    row = WEBHOOKS.get_row(key)
    if request.method != "POST":
        return render(request, "console/webhook/roll.html", {"row": row})
    return _show_secret(request, row, secret=roll_secret(row, actor=get_actor(request)))


@role_required(write=Role.ADMINISTRATOR)
@_gone_is_not_found()
def show_delivery(request: HttpRequest, key: str, delivery: str) -> HttpResponse:
    """What was sent, and what came of it; a POST sends it again."""
    webhook = WEBHOOKS.get_row(key)
    row = get_object_or_404(Delivery, webhook_id=webhook.pk, public_id=delivery)
    if request.method != "POST":
        body = json.dumps(json.loads(row.body), indent=2, ensure_ascii=False)
        context = {"webhook": webhook, "row": row, "body": body}
        return render(request, "console/webhook/delivery.html", context)
    try:
        send_again(row, actor=get_actor(request))
        messages.success(request, gettext("The message is sent again."))
    except WebhookPaused as refusal:
        messages.error(request, gettext(str(refusal)))
    return redirect("console:webhook", key)


console_urlpatterns: list[URLPattern] = [
    *WEBHOOKS.build_urls(),
    path("system/webhooks/<str:key>/test", test, name="webhook-test"),
    path("system/webhooks/<str:key>/pause", pause, name="webhook-pause"),
    path("system/webhooks/<str:key>/resume", resume, name="webhook-resume"),
    path("system/webhooks/<str:key>/secret", roll, name="webhook-secret"),
    path(
        "system/webhooks/<str:key>/deliveries/<str:delivery>",
        show_delivery,
        name="webhook-delivery",
    ),
]
