"""What an acknowledged answer refuses inside.

A device acknowledges Settings, ScheduleOSUpdate, SetFirmwarePassword and LOMDeviceRequest as a
whole; how it went with each thing that they ask for stands in the answer. Apple: the response of
each of these commands.
"""

from collections.abc import Callable, Iterator
from typing import Any

Links = list[dict[str, Any]]
UPDATE_FAILURES = frozenset(
    {
        "DownloadFailed",
        "DownloadRequiresComputer",
        "DownloadInsufficientSpace",
        "DownloadInsufficientPower",
        "DownloadInsufficientNetwork",
        "InstallInsufficientSpace",
        "InstallInsufficientPower",
        "InstallPhoneCallInProgress",
        "InstallFailed",
    }
)
MOST = 50
"""Entries of an answer that are looked at; real ones have one, or a few."""


def list_refusals(answer: dict[str, Any]) -> Links:
    """Return the links of an ErrorChain for what the device did not do, none where it did all."""
    return [link for key, find in FINDERS.items() if key in answer for link in find(answer[key])]


def _list_settings(told: Any) -> Iterator[dict[str, Any]]:
    for setting in _list_entries(told):
        status = setting.get("Status")
        if isinstance(status, str) and status != "Acknowledged":
            yield from _find_chain(setting) or [
                _word("Settings", "The device refused the setting.")
            ]


def _list_updates(told: Any) -> Iterator[dict[str, Any]]:
    for update in _list_entries(told):
        status = update.get("Status")
        has_failed = isinstance(status, str) and status in UPDATE_FAILURES
        if has_failed or update.get("InstallAction") == "Error":
            words = f"The device cannot update: {status if has_failed else 'Error'}."
            yield from _find_chain(update) or [_word("ScheduleOSUpdate", words)]


def _list_passwords(told: Any) -> Iterator[dict[str, Any]]:
    if isinstance(told, dict) and told.get("PasswordChanged") is False:
        yield _word("SetFirmwarePassword", "The Mac did not change the password.")


def _list_requests(told: Any) -> Iterator[dict[str, Any]]:
    for request in _list_entries(told):
        if request.get("DeviceRequestSuccess") is False:
            words = request.get("DeviceRequestReturnError")
            text = words if isinstance(words, str) and words else "The request failed."
            yield _word("LOMDeviceRequest", text)


def _list_entries(told: Any) -> list[dict[str, Any]]:
    """Apple's schema has one dictionary in a place where devices send a list of them."""
    entries = told if isinstance(told, list) else [told]
    return [entry for entry in entries[:MOST] if isinstance(entry, dict)]


def _find_chain(entry: dict[str, Any]) -> Links:
    chain = entry.get("ErrorChain")
    return [link for link in chain if isinstance(link, dict)] if isinstance(chain, list) else []


def _word(domain: str, text: str) -> dict[str, Any]:
    return {"ErrorDomain": domain, "USEnglishDescription": text}


FINDERS: dict[str, Callable[[Any], Iterator[dict[str, Any]]]] = {
    "Settings": _list_settings,
    "UpdateResults": _list_updates,
    "SetFirmwarePassword": _list_passwords,
    "ResponseList": _list_requests,
}
