from django.apps import AppConfig


class ScepConfig(AppConfig):
    name = "scep"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from scep import receivers  # noqa: F401
