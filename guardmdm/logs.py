"""Log lines: for people or for collectors, and never with a token or key in them."""

import json
import logging
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

# What a short link ends with leads to a JWT. A JWT, or its beginning: `eyJ` is base64 for `{"`.
TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){0,2}")
SHORT_LINK = re.compile(r"/e/[A-Za-z0-9]{8,}")
HIDDEN = "[token]"
# An API key, or a webhook's secret, that a program has put into an address, where `/` is `%2F`. The
# first characters of a key are its hint, by which it is known in the console.
KEY = re.compile(r"(gmk_[A-Za-z0-9_-]{6})[A-Za-z0-9_-]{8,}|(whsec_)[A-Za-z0-9+/%]{8,}=*")


def hide_tokens(text: str) -> str:
    text = SHORT_LINK.sub(f"/e/{HIDDEN}", TOKEN.sub(HIDDEN, text))
    return KEY.sub(r"\1\2[key]", text)


class OneLinePerRefusal(logging.Filter):
    """Makes a warning without a traceback of a refused request: it failed at the sender's.

    So a foreign Host header, which Django calls an error of this server, is one line as well.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        status: int = getattr(record, "status_code", HTTPStatus.INTERNAL_SERVER_ERROR)
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            record.exc_info = record.exc_text = None
            record.levelno = min(record.levelno, logging.WARNING)
            record.levelname = logging.getLevelName(record.levelno)
        return True


def escape_controls(text: str, *, keeping: str = "") -> str:
    """Return the text with what a terminal would obey, or take for another line, spelt out."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in keeping else each.encode("unicode_escape").decode()
        for each in text
    )


class ConsoleFormatter(logging.Formatter):
    """A line for each message, whatever a device or visitor has put into it; then its traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return escape_controls(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return hide_tokens(escape_controls(super().format(record), keeping="\n"))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the traceback where one is."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return hide_tokens(json.dumps(line, default=str))


def build_logging(log_format: str) -> dict[str, Any]:
    """Return Django's LOGGING for `console` or `json`: everything to standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "console": {
                "()": ConsoleFormatter,
                "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            },
            "json": {"()": JsonFormatter},
        },
        "filters": {"refusals": {"()": OneLinePerRefusal}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": log_format,
                "filters": ["refusals"],
            }
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            # Django's own handlers are for DEBUG and for mail to the administrators.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            # These write one line for each request; APNs addresses hold a device's token.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "hpack": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }
