import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guardmdm.settings")

_django = get_wsgi_application()

# They need the applications that are loaded above.
from django.urls import resolve  # noqa: E402

from guardmdm.machine_door import MachineDoor  # noqa: E402

application = MachineDoor(_django)

# Loads every view now: the first device after a restart must not wait for seconds.
resolve("/healthz")
