"""Mails that somebody asked for are sent once the transaction is through."""

from typing import Any

from django.db import transaction
from django.dispatch import receiver

from enrollment.signals import mail_requested
from enrollment.tasks import send_mails


@receiver(mail_requested)
def start_mailing(**_: Any) -> None:
    transaction.on_commit(send_mails.delay, robust=True)
