"""What `doctor` looks at: each check says what it found and, where that is bad, the fix.

It contacts the configured base URL and Apple's, the mail server and the identity provider where
they are set, and no other place.
"""

from guardmdm.health.address import check_base_url, check_tls
from guardmdm.health.examine import examine
from guardmdm.health.findings import Finding
from guardmdm.health.set_up import check_authorities, check_packages, check_push_certificate

__all__ = [
    "Finding",
    "check_authorities",
    "check_base_url",
    "check_packages",
    "check_push_certificate",
    "check_tls",
    "examine",
]
