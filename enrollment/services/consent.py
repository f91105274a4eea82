"""What a device shows before it installs the enrollment profile: the page's own words."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from django.utils import translation
from django.utils.translation import gettext

from enrollment.protocol.access_rights import NEVER, list_access_rights, list_refused_rights
from enrollment.protocol.languages import LANGUAGES


def list_allowed(rights: int) -> list[str]:
    """Return what the organization can see and then what it can do, in the active language."""
    allowed = sorted(list_access_rights(rights), key=lambda right: right.is_action)
    return [gettext(right.text) for right in allowed]


def list_refused(rights: int) -> list[str]:
    """Return what it can neither see nor do, what no server can included."""
    refused = [right.text for right in list_refused_rights(rights)]
    return [gettext(text) for text in (*refused, *NEVER)]


# Five languages for each of few names: much longer to build than to keep.
@lru_cache(maxsize=64)
def build_consent(organization_name: str, rights: int) -> Mapping[str, str]:
    """Return ConsentText: the same words in each language of the page, and as the default."""
    texts = {}
    for language in LANGUAGES:
        with translation.override(language):
            texts[language] = _build_text(organization_name, rights)
    return texts | {"default": texts["en"]}


def _build_text(name: str, rights: int) -> str:
    can, cannot = (gettext(text) % {"name": name} for text in ("%(name)s can", "%(name)s can’t"))
    return "\n\n".join(
        (_build_list(can, list_allowed(rights)), _build_list(cannot, list_refused(rights)))
    )


def _build_list(title: str, texts: Iterable[str]) -> str:
    return "\n".join((f"{title}:", *(f"• {text}" for text in texts)))
