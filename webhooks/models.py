from django.db import models

from organization.models import PublicIdField, SealedField, TimeStamped


class WebhookState(models.TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"


class Webhook(TimeStamped):
    """Another server that is told of events, and how it takes them."""

    public_id = PublicIdField(prefix="hook")
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=500, help_text="May hold what only administrators may know.")
    events = models.JSONField(default=list, help_text="Names of webhooks.protocol.event_types.")
    secret = SealedField(help_text="`whsec_…`, with which messages are signed.")
    earlier_secret = SealedField(null=True, blank=True)
    earlier_secret_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then messages are signed with both."
    )
    state = models.CharField(max_length=8, choices=WebhookState, default=WebhookState.ACTIVE)
    pause_reason = models.CharField(
        max_length=200, blank=True, help_text="Empty: an administrator has paused it."
    )
    failures = models.PositiveIntegerField(default=0, help_text="Since a message was delivered.")
    failing_since = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(
        null=True, blank=True, help_text="The receiver is down: nothing is sent before."
    )
    claim = models.CharField(max_length=32, blank=True, help_text="Whose turn it is to send.")
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_failing(self) -> bool:
        """Whether the receiver was down when it was last tried, and is given time."""
        return self.state == WebhookState.ACTIVE and self.next_attempt_at is not None


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    DELIVERED = "delivered", "Delivered"
    GIVEN_UP = "given_up", "Given up"


IS_WAITING = models.Q(state=DeliveryState.WAITING.value)


class Delivery(models.Model):
    """One event on its way to one webhook.

    The database does not check that the webhook is there: an event that is noted while somebody
    deletes its webhook must not fail with it. The sweep deletes what is left.
    """

    public_id = PublicIdField(prefix="dlv")
    webhook = models.ForeignKey(
        Webhook,
        models.DO_NOTHING,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    event_id = models.CharField(max_length=32, help_text="`evt_…`; of all webhooks the same.")
    event_type = models.CharField(max_length=40)
    body = models.TextField(help_text="As it is sent: the signature is over these bytes.")
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.WAITING)
    is_urgent = models.BooleanField(default=False, help_text="Somebody waits for it: it is next.")
    attempts = models.PositiveSmallIntegerField(default=0)
    waiting_since = models.DateTimeField(help_text="When it was noted, or asked for again.")
    due_at = models.DateTimeField(help_text="Not tried earlier.")
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    attempted_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["webhook", "-id"], name="delivery_history"),
            models.Index(
                fields=["webhook", "-is_urgent", "id"], condition=IS_WAITING, name="delivery_queue"
            ),
            models.Index(
                fields=["finished_at"],
                condition=models.Q(finished_at__isnull=False),
                name="delivery_retention",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"
