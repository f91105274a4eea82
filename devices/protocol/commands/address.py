"""The https address of what a device is to fetch, or whom it is to ask."""

import re
from urllib.parse import urlsplit

from devices.errors import CommandInvalid
from organization.protocol.loopback import is_loopback

BLANK = re.compile(r"[\x00-\x20\x7f]")  # in a URL they are written as %20 and the like


def check_address(url: str, *, of: str = "manifest") -> str:
    """Return the URL; raises CommandInvalid unless it is https, which Apple's devices need."""
    unreadable = CommandInvalid(f"the {of}'s URL cannot be read")
    if BLANK.search(url):  # urlsplit passes over some of them
        raise unreadable
    try:
        parts = urlsplit(url)
        _ = parts.port  # read only now
    except ValueError as error:
        raise unreadable from error
    host = parts.hostname or ""
    # A trial server on this machine, whose devices are simulated, has no certificate.
    is_trial = parts.scheme == "http" and is_loopback(host)
    if not host or not (parts.scheme == "https" or is_trial):
        raise CommandInvalid(f"the {of} must be at an https URL")
    return url
