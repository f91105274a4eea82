"""News of the certificate authority; receivers write a log line or start a task, nothing else."""

from django.dispatch import Signal

certificate_issued = Signal()
"""Sent in the transaction that stores it; `certificate`: IssuedCertificate."""

certificate_revoked = Signal()
"""Sent in the transaction that revokes it; `certificate`: IssuedCertificate."""

scep_request_refused = Signal()
"""`code`, `message`, `session_id`: str ("" where unknown), `scep_profile`: ScepProfile or None,
`remote_address`: str or None, `detail`: dict for the log. No secret in any of them."""
