from django.db import models

from organization.models.api_key import ApiKey

LONGEST_TEXT = 255


class RepeatableRequest(models.Model):
    """What a program has had made under a name of its own, so that asking again makes no second.

    It holds no answer, for that may be a secret: `made` is the public id of the row.
    """

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, db_index=False)
    text = models.CharField(max_length=LONGEST_TEXT, help_text="The Idempotency-Key.")
    fingerprint = models.CharField(max_length=64, help_text="HMAC of what was asked for.")
    made = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("key", "text"), name="repeatable_request_once"),
        )

    def __str__(self) -> str:
        return f"{self.text}: {self.made}"
