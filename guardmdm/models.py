"""What the installation notes of itself: who has worked lately, and what the doctor found."""

from django.db import models


class Heart(models.TextChoices):
    SCHEDULER = "scheduler", "Scheduler"
    WORKER = "worker", "Worker"


class Heartbeat(models.Model):
    """When a kind of process last showed that it works; one row each."""

    heart = models.CharField(max_length=20, choices=Heart, primary_key=True)
    beaten_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.heart


class Examination(models.Model):
    """One run of the doctor; its findings are written as they come."""

    started_at = models.DateTimeField(db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    findings = models.JSONField(default=list)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.started_at:%-d %b %Y, %H:%M}"
