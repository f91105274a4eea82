"""News of this app, for itself: a receiver starts the task."""

from django.dispatch import Signal

deliveries_waiting = Signal()
"""Sent in the transaction that stores them; `webhook_id`: int, whose they are."""
