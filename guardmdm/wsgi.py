import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guardmdm.settings")

application = get_wsgi_application()

from django.urls import resolve  # noqa: E402 - needs the applications that are loaded above

# Loads every view now: the first device after a restart must not wait for seconds.
resolve("/healthz")
