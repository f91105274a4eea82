from django.apps import AppConfig


class GuardmdmConfig(AppConfig):
    name = "guardmdm"

    def ready(self) -> None:
        # Importing the application makes it the current one, so that web processes publish to it.
        from guardmdm import celery  # noqa: F401
