from django.db import models

from enrollment.models.session import EnrollmentSession


class SessionStep(models.Model):
    """A step that a session has come to: when first and last, how often, from where.

    `code` is the log code of what was refused the last time, or empty. Whoever steps again and
    again is counted no further than MOST.
    """

    MOST = 1000

    session = models.ForeignKey(EnrollmentSession, models.CASCADE, related_name="steps")
    kind = models.CharField(max_length=20, help_text="A StepKind.")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveSmallIntegerField(default=1)
    remote_address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    code = models.CharField(max_length=40, blank=True)
    fail_info = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of SCEP.")

    class Meta:
        ordering = ("last_at", "id")
        constraints = [
            models.UniqueConstraint(fields=["session", "kind"], name="one_row_per_session_and_step")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.session_id}"
