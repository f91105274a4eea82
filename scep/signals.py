"""News of the certificate authority; receivers write a log line or start a task, nothing else."""

from django.dispatch import Signal

certificate_issued = Signal()
"""Sent in the transaction that stores it; `certificate`: IssuedCertificate, `caller`: Caller."""

certificate_revoked = Signal()
"""Sent in the transaction that revokes it; `certificate`: IssuedCertificate, which somebody has."""

intent_revoked = Signal()
"""The same of a serial number whose certificate was never stored: signed or not, nobody has it.
`certificate`: IssuedCertificate without one."""

request_held = Signal()
"""Sent in the transaction that stores it; `request`: HeldRequest, which waits for approval,
`caller`: Caller."""

request_decided = Signal()
"""Sent in the transaction that approves or rejects it; `request`: HeldRequest."""

scep_request_refused = Signal()
"""`code`, `message`, `session_id`: str ("" where unknown), `scep_profile`: ScepProfile or None,
`token_id`: str (a jti, "" where unknown), `detail`: dict for the log, `caller`: Caller. No secret
in any."""

scep_asked = Signal()
"""A device of a session has read something. `session_id`: str as its URL says it, `operation`:
GetCACaps or GetCACert, `caller`: Caller, `now`: datetime."""

scep_profile_deleting = Signal()
"""Sent in the transaction that deletes it, before; `scep_profile`: ScepProfile. What needs it no
more lets go of it."""

scep_server_checked = Signal()
"""An external server's state has changed. `scep_profile`: ScepProfile, `code`: the log code of
what is wrong, "" when all is well again, `message`: str."""

certificate_expiring = Signal()
"""`name`: str, `days`: int (left, rounded down), `not_after`: datetime, `kind`: str, a role of
CertificateAuthorityRole or a ServicePurpose. Once each at 90, 60, 30 and 7 days."""

revocation_list_outdated = Signal()
"""Sent in the transaction that revokes, once until the list is made again; `authority_id`: int."""
