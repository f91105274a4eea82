from django.apps import AppConfig


class ScepConfig(AppConfig):
    name = "scep"
    default_auto_field = "django.db.models.BigAutoField"
