import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guardmdm.settings")

_django = get_wsgi_application()

# They need the applications that are loaded above.
from django.conf import settings  # noqa: E402
from django.template import Engine  # noqa: E402
from django.urls import resolve  # noqa: E402

from guardmdm.loaded_templates import load_templates  # noqa: E402
from guardmdm.machine_door import MachineDoor  # noqa: E402
from guardmdm.serving import (  # noqa: E402
    MESSAGE_LIMITS,
    UPLOAD_PATHS,
    UPLOAD_TURNS,
    WEB_TURNS,
)
from guardmdm.turns import Turns  # noqa: E402

application = Turns(
    MachineDoor(_django),
    count=WEB_TURNS,
    max_body=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    upload_paths=UPLOAD_PATHS,
    upload_count=UPLOAD_TURNS,
    message_limits=MESSAGE_LIMITS,
)

# Loads every view now: the first device after a restart must not wait for seconds.
resolve("/healthz")
load_templates(Engine.get_default())
