from django.db import models


class AuditEntry(models.Model):
    """Who changed what: one line for every write by a person or an API key."""

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.CharField(max_length=200, help_text="An e-mail address, or `key:` and its name.")
    action = models.CharField(max_length=80, help_text="For example `token.create`.")
    subject_id = models.CharField(max_length=64, blank=True, help_text="The row's public id.")
    subject = models.CharField(max_length=255, blank=True)
    detail = models.JSONField(default=dict)
    remote_address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"
