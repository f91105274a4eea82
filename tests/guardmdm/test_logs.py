import json
import logging
import sys

from guardmdm.logs import ConsoleFormatter, JsonFormatter

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvcmdfeCJ9.c2lnbmF0dXJl-_"


def build_record(message, *arguments, exc_info=None):
    return logging.LogRecord("door", logging.WARNING, __file__, 1, message, arguments, exc_info)


def test_no_line_holds_a_token():
    record = build_record("GET /enroll?token=%s failed", TOKEN)
    for formatter in (ConsoleFormatter(), JsonFormatter()):
        line = formatter.format(record)
        assert "eyJ" not in line
        assert "c2lnbmF0dXJl" not in line
        assert "GET /enroll?token=[token] failed" in line


def test_no_line_holds_a_short_link():
    for formatter in (ConsoleFormatter(), JsonFormatter()):
        line = formatter.format(build_record("Gone: %s", "/e/abcdefgh234567"))
        assert "Gone: /e/[token]" in line


def test_no_traceback_holds_a_token():
    try:
        raise ValueError(TOKEN)
    except ValueError:
        record = build_record("failed", exc_info=sys.exc_info())
    for formatter in (ConsoleFormatter(), JsonFormatter()):
        line = formatter.format(record)
        assert "ValueError" in line
        assert "eyJ" not in line


def test_a_json_line_is_one_object():
    line = json.loads(JsonFormatter().format(build_record("two\nlines of %d", 1)))
    assert line["message"] == "two\nlines of 1"
    assert (line["level"], line["logger"]) == ("warning", "door")
    assert line["time"].endswith("+00:00")
