import io
import json
import logging
import secrets
import sys
from urllib.parse import quote

import pytest

from guardmdm.logs import ConsoleFormatter, JsonFormatter
from webhooks.protocol.messages import encode_secret

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


def test_no_line_holds_an_api_key_when_a_program_puts_it_into_an_address():
    key = f"gmk_{secrets.token_urlsafe(32)}"
    for formatter in (ConsoleFormatter(), JsonFormatter()):
        line = formatter.format(build_record("Not Found: %s", f"/api/v1/groups/{key}/x"))
        assert f"Not Found: /api/v1/groups/{key[:10]}[key]/x" in line
        assert key[12:] not in line


def test_no_line_holds_a_webhooks_secret():
    secret = encode_secret(bytes(range(200, 232)))
    for written in (secret, quote(encode_secret(b"\xff" * 32), safe="")):
        line = ConsoleFormatter().format(build_record("said %s.", written))
        assert line == "said whsec_[key]."


def test_no_traceback_holds_a_token():
    try:
        raise ValueError(TOKEN)
    except ValueError:
        record = build_record("failed", exc_info=sys.exc_info())
    for formatter in (ConsoleFormatter(), JsonFormatter()):
        line = formatter.format(record)
        assert "ValueError" in line
        assert "eyJ" not in line


HOSTILE = "a\r\n2026-01-01 ERROR forged\x1b[2J\x9b1m\u202e\u2028é"


def test_the_log_has_one_line_when_a_name_holds_line_breaks_and_colours():
    line = ConsoleFormatter().format(build_record("no such device: %s", HOSTILE))
    assert line.isprintable()
    assert line == (r"no such device: a\r\n2026-01-01 ERROR forged\x1b[2J\x9b1m\u202e\u2028é")


def test_a_traceback_keeps_its_lines_and_no_colours_when_its_error_quotes_a_device():
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        line = ConsoleFormatter().format(build_record("failed", exc_info=sys.exc_info()))
    assert "\nTraceback (most recent call last):\n" in line
    assert line.replace("\n", "").isprintable()


@pytest.fixture
def standard_error():
    """What the server's own handler writes."""
    [handler] = [
        each
        for each in logging.getLogger().handlers
        if isinstance(each.formatter, (ConsoleFormatter, JsonFormatter))
    ]
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


@pytest.mark.django_db
def test_the_log_has_one_line_when_a_request_is_refused(client, standard_error):
    fields = "&".join(f"field{number}=" for number in range(2000))
    assert client.get(f"/enroll?{fields}").status_code == 400
    assert len(standard_error.getvalue().splitlines()) == 1
    assert "exceeded" in standard_error.getvalue()


def test_the_log_has_one_warning_when_a_foreign_host_is_asked_for(client, standard_error, capsys):
    assert client.get("/", headers={"Host": "203.0.113.9"}).status_code == 400
    # Where no handler takes a record, Python writes it to standard error past ours.
    [line] = (standard_error.getvalue() + capsys.readouterr().err).splitlines()
    assert " WARNING " in line
    assert "203.0.113.9" in line


def test_the_log_has_a_traceback_when_the_server_fails(standard_error):
    try:
        raise ValueError("a mistake of ours")
    except ValueError as error:
        logging.getLogger("django.request").error(
            "Internal Server Error", exc_info=error, extra={"status_code": 500}
        )
    assert "Traceback" in standard_error.getvalue()


def test_a_json_line_is_one_object():
    line = json.loads(JsonFormatter().format(build_record("two\nlines of %d", 1)))
    assert line["message"] == "two\nlines of 1"
    assert (line["level"], line["logger"]) == ("warning", "door")
    assert line["time"].endswith("+00:00")
