import threading

from django.apps import AppConfig
from django.db import connections


class GuardmdmConfig(AppConfig):
    name = "guardmdm"

    def ready(self) -> None:
        _keep_connections_by_thread()
        # Importing the application makes it the current one, so that web processes publish to it.
        from guardmdm import celery  # noqa: F401


def _keep_connections_by_thread() -> None:
    """Django asks at each look for a connection whether a coroutine is running: none is, here.

    A device's message has ten of these looks (docs/adr/0265).
    """
    connections._connections = threading.local()  # type: ignore[attr-defined]
