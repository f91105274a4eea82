from django.apps import AppConfig


class OrganizationConfig(AppConfig):
    name = "organization"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from organization import receivers  # noqa: F401
