"""News from the apps below, written into the enrollment log and onto the session.

A file for each app that it comes from: `certificates` (scep), `devices`, `policies`, and `mails`
from this app itself. `entries` is what they have in common.
"""

from enrollment.receivers import certificates, devices, mails, policies

__all__ = ["certificates", "devices", "mails", "policies"]
