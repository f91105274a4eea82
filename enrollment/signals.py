"""News of this app, for itself and for those above it; receivers start tasks or write rows."""

from django.dispatch import Signal

mail_requested = Signal()
"""Mails with invitations wait to be sent."""

token_created = Signal()
"""Sent in the transaction that stores it; `token`: EnrollmentToken. Not of people's own tokens."""

token_revoked = Signal()
"""Sent in the transaction that revokes it; `token`: EnrollmentToken."""

trouble_logged = Signal()
"""Sent with each warning and error of the log; `entry`: LogEntry."""
