"""News of this app, for itself: a receiver starts the task."""

from django.dispatch import Signal

mail_requested = Signal()
"""Mails with invitations wait to be sent."""
