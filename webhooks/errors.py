"""What cannot be done with a webhook."""


class WebhookInvalid(ValueError):
    """A webhook that could not work; `field` names what is wrong with it, "" for the whole."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class WebhookGone(Exception):
    """The webhook was deleted meanwhile."""


class WebhookPaused(Exception):
    """Nothing is sent to a webhook that is paused."""
