"""Authenticator apps and recovery codes: sealed at rest, of use once, and the owner's alone."""

import os

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.management import call_command
from django.db import connection
from django.test import Client

from guardmdm.tasks import seal_second_factors
from organization.protocol.sealing import decode_key_ring, generate_key
from organization.services.administrators import create_administrator
from tests.organization.test_sign_in import LOGIN, PASSWORD, SECOND
from tests.organization.totp import build_code, make_secret

pytestmark = pytest.mark.django_db
CHANGE = "/accounts/password/change/"


@pytest.fixture
def secret():
    return make_secret()


@pytest.fixture
def ada(secret):
    ada, _ = create_administrator("ada@example.com", password=PASSWORD)
    TOTP.activate(ada, secret)
    RecoveryCodes.activate(ada)
    return ada


def build_client():
    """A browser at an address of its own: so many tests sign in that one would be stopped."""
    return Client(REMOTE_ADDR=f"2001:db8:{os.urandom(2).hex()}::1")


def read_stored():
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator ORDER BY id")
        return [str(row[0]) for row in cursor.fetchall()]


def give_code(code):
    """Sign in by password and this code; say whether the console opens."""
    client = build_client()
    client.post(LOGIN, {"login": "ada@example.com", "password": PASSWORD})
    client.post(SECOND, {"code": code})
    return client.get("/console/").status_code == 200


def list_codes(ada):
    row = Authenticator.objects.get(user=ada, type=Authenticator.Type.RECOVERY_CODES)
    return RecoveryCodes(row).get_unused_codes()


def test_the_database_holds_no_secret_of_a_second_factor_in_the_clear(ada, secret):
    assert [secret in data or "sealed:" not in data for data in read_stored()] == [False, False]
    assert give_code(build_code(secret))
    assert give_code(list_codes(ada)[0])


def test_what_a_version_before_kept_in_clear_works_and_is_sealed_by_and_by(ada, secret):
    Authenticator.objects.filter(type="totp").update(data={"secret": secret})
    Authenticator.objects.filter(type="recovery_codes").update(
        data={"seed": "ab" * 40, "used_mask": 1}
    )
    codes = list_codes(ada)
    seal_second_factors()
    assert [secret in data or "sealed:" not in data for data in read_stored()] == [False, False]
    assert list_codes(ada) == codes
    assert give_code(build_code(secret))
    stored = read_stored()
    seal_second_factors()
    assert read_stored() == stored


def test_second_factors_move_to_a_new_encryption_key(ada, secret, settings, capsys):
    codes, old = list_codes(ada), settings.GUARDMDM_KEY_RING
    new = decode_key_ring(generate_key())
    settings.GUARDMDM_KEY_RING = type(old)((*new.keys, *old.keys))
    call_command("rotate_encryption_keys")
    assert "mfa_authenticator.data: 2" in capsys.readouterr().out
    settings.GUARDMDM_KEY_RING = new
    assert list_codes(ada) == codes
    assert give_code(build_code(secret))


def test_nobody_comes_in_by_a_second_factor_that_no_key_opens(ada, secret, settings):
    settings.GUARDMDM_KEY_RING = decode_key_ring(generate_key())
    client = build_client()
    client.post(LOGIN, {"login": "ada@example.com", "password": PASSWORD})
    assert client.post(SECOND, {"code": build_code(secret)}).status_code == 403
    assert client.get("/console/").status_code == 302


def test_a_code_is_good_once(ada, secret):
    recovery, code = list_codes(ada)[0], build_code(secret)
    assert [give_code(recovery), give_code(recovery)] == [True, False]
    assert [give_code(code), give_code(code)] == [True, False]


def test_who_knows_a_one_time_password_adds_no_second_factor_that_outlives_it():
    """Whoever made the account could come back by their own passkey, in its owner's name."""
    _, password = create_administrator("eve@example.com")
    client = build_client()
    client.post(LOGIN, {"login": "eve@example.com", "password": password})
    for path in ("totp/activate/", "webauthn/add/", "recovery-codes/generate/", ""):
        assert client.get(f"/accounts/2fa/{path}")["Location"] == CHANGE
        assert client.post(f"/accounts/2fa/{path}")["Location"] == CHANGE
    assert client.post("/accounts/reauthenticate/", {"password": password})["Location"] == CHANGE
    assert client.post("/accounts/logout/").status_code == 302


def test_pages_with_secrets_are_kept_by_no_browser(ada, secret):
    client = build_client()
    client.post(LOGIN, {"login": "ada@example.com", "password": PASSWORD})
    client.post(SECOND, {"code": build_code(secret)})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    for path in (
        "/console/",
        "/console/devices/",
        "/accounts/2fa/",
        "/accounts/2fa/recovery-codes/",
    ):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
