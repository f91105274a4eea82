"""Template tags of the console's device pages."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django import template
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices.models import Command
from devices.protocol.commands import get_minimum_role, get_title
from devices.protocol.connect import get_error_text
from devices.protocol.inner_refusals import list_entries
from organization.models import may

MOST_ITEMS, LONGEST_ITEM, MOST_ERRORS = 60, 200, 10
register = template.Library()
register.filter("command_title", get_title)
register.filter("error_text", get_error_text)


@register.filter
def may_cancel(user: Any, command: Command) -> bool:
    """Say whether the person may take this command back, and it is still open."""
    return command.is_open and may(user, get_minimum_role(command.request_type))


@register.filter
def is_ahead(moment: datetime | None) -> bool:
    return moment is not None and moment > timezone.now()


@register.filter
def status_items(items: dict[str, Any]) -> list[tuple[str, str]]:
    """Return StatusItems as rows by name: `device.model.family`, and what it is in a few words."""
    return list(islice(_flatten(items, prefix=""), MOST_ITEMS))


@register.filter
def status_errors(errors: list[Any]) -> list[str]:
    """Return what a device says it cannot tell or do: `foo.bar: Error.Unknown, nope`."""
    return [_word_status_error(error) for error in errors[:MOST_ERRORS]]


def _word_status_error(error: Any) -> str:
    if not isinstance(error, dict):
        return _describe(error)
    listed = list_entries(error.get("Reasons"))
    words = [str(each[key]) for each in listed for key in ("Code", "Description") if key in each]
    return Truncator(f"{error.get('StatusItem', '?')}: {', '.join(words) or '?'}").chars(
        LONGEST_ITEM
    )


def _flatten(value: Any, *, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, child in sorted(value.items()):
            yield from _flatten(child, prefix=f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, _describe(value)


def _describe(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list) and any(isinstance(member, dict | list) for member in value):
        return ngettext("%(count)d entry", "%(count)d entries", len(value)) % {"count": len(value)}
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return Truncator(text).chars(LONGEST_ITEM)


@register.filter
def as_json(value: Any) -> str:
    """Return what a device told, readable; it is escaped like all text."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def as_text(value: Any) -> str:
    """Return the text of a sealed column."""
    return bytes(value or b"").decode(errors="replace")
