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
    for setting in list_entries(told)[:MOST]:
        status = setting.get("Status")
        if isinstance(status, str) and status != "Acknowledged":
            yield from list_entries(setting.get("ErrorChain")) or [
                _word("Settings", "The device refused the setting.")
            ]


def _list_updates(told: Any) -> Iterator[dict[str, Any]]:
    for update in list_entries(told)[:MOST]:
        status = update.get("Status")
        has_failed = isinstance(status, str) and status in UPDATE_FAILURES
        if has_failed or update.get("InstallAction") == "Error":
            words = f"The device cannot update: {status if has_failed else 'Error'}."
            yield from list_entries(update.get("ErrorChain")) or [_word("ScheduleOSUpdate", words)]


def _list_passwords(told: Any) -> Iterator[dict[str, Any]]:
    if isinstance(told, dict) and told.get("PasswordChanged") is False:
        yield _word("SetFirmwarePassword", "The Mac did not change the password.")


def _list_requests(told: Any) -> Iterator[dict[str, Any]]:
    for request in list_entries(told)[:MOST]:
        if request.get("DeviceRequestSuccess") is False:
            words = request.get("DeviceRequestReturnError")
            text = words if isinstance(words, str) and words else "The request failed."
            yield _word("LOMDeviceRequest", text)


def list_entries(told: Any) -> list[dict[str, Any]]:
    """Return the dictionaries of a list; devices send one where the schema has the other."""
    entries = told if isinstance(told, list) else [told]
    return [entry for entry in entries if isinstance(entry, dict)]


def _word(domain: str, text: str) -> dict[str, Any]:
    return {"ErrorDomain": domain, "USEnglishDescription": text}


FINDERS: dict[str, Callable[[Any], Iterator[dict[str, Any]]]] = {
    "Settings": _list_settings,
    "UpdateResults": _list_updates,
    "SetFirmwarePassword": _list_passwords,
    "ResponseList": _list_requests,
}
