"""Which format an answer has."""

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation


class OneRenderer(DefaultContentNegotiation):
    """Each operation answers in one format, whatever `Accept` says; errors are always JSON."""

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type
