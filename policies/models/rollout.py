import uuid

from django.db import models

from devices.models import Group


class Rollout(models.Model):
    """A group whose policies have changed and whose devices are told so, one portion after another.

    It ends with its last device; a change in the meantime begins it anew.
    """

    group = models.OneToOneField(Group, models.CASCADE, primary_key=True, related_name="+")
    run = models.UUIDField(default=uuid.uuid4, help_text="Another one after each change.")
    after = models.BigIntegerField(
        default=0, help_text="The key of the last device whose turn it was."
    )
    touched_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.group} after {self.after}"
