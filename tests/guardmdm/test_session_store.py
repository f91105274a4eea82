"""Cookies that this server never gave, at doors of people."""

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client

pytestmark = pytest.mark.django_db
PATHS = ["/enroll", "/enroll/sessions/ses_x", "/accounts/login/", "/console/", "/api/v1/devices"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "key", ['"aaaaaaaaaaaaaaaa\\000"', "a" * 5000, "'; --" + "a" * 10, "ä" * 20]
)
def test_a_session_key_that_is_none_is_taken_for_none(bootstrapped, path, key):
    """In quotes, a cookie may hold any byte as an octal number."""
    cookie = f"{settings.SESSION_COOKIE_NAME}={key}"
    answer = Client().get(path, headers={"Cookie": cookie})
    assert answer.status_code == Client().get(path).status_code


def test_a_session_is_kept_as_ever(bootstrapped):
    client = Client()
    client.force_login(get_user_model().objects.first())
    assert Session.objects.get().session_key == client.cookies["sessionid"].value
    assert client.get("/console/").headers.get("Location", "") != "/accounts/login/?next=/console/"
