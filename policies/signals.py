"""News of policies; each is sent inside the transaction that makes it true."""

from django.dispatch import Signal

policy_changed = Signal()  # policy: Policy, group_ids: list[int] (groups whose devices it concerns)
status_retried = Signal()  # status: ItemStatus
policies_applied = Signal()  # enrollment, queued: int (commands)
item_installed = Signal()  # status: ItemStatus
item_failed = Signal()  # status: ItemStatus, message: str
device_managed = Signal()  # device
