"""Sessions of people, in the database as Django keeps them; a key that cannot be one is none."""

import re
from typing import Any

from django.contrib.sessions.backends import db

KEY = re.compile(r"[a-z0-9]{8,40}")


class SessionStore(db.SessionStore):
    """A cookie may hold anything, a NUL among it, at which PostgreSQL's driver chokes."""

    def _validate_session_key(self, key: Any) -> bool:
        return isinstance(key, str) and KEY.fullmatch(key) is not None
