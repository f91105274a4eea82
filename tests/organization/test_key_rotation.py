import pytest
from django.core.management import call_command
from django.db import connection

from organization.protocol.sealing import decode_key_ring, generate_key
from organization.services.key_rotation import list_sealed_fields, reseal_everything
from scep.models import CertificateAuthority

pytestmark = pytest.mark.django_db


def read_stored():
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, private_key FROM scep_certificateauthority ORDER BY id")
        return {pk: bytes(value) for pk, value in cursor.fetchall()}


def test_every_secret_is_sealed_with_the_new_key_after_a_rotation(settings, capsys):
    old = settings.GUARDMDM_KEY_RING
    before = {row.pk: row.private_key for row in CertificateAuthority.objects.all()}
    assert before
    new = decode_key_ring(generate_key())
    settings.GUARDMDM_KEY_RING = type(old)((*new.keys, *old.keys))
    call_command("rotate_encryption_keys")
    assert "scep_certificateauthority.private_key: 2" in capsys.readouterr().out
    assert all(new.is_sealed_with_newest(sealed) for sealed in read_stored().values())

    settings.GUARDMDM_KEY_RING = new
    assert {row.pk: row.private_key for row in CertificateAuthority.objects.all()} == before


def test_a_second_rotation_changes_nothing():
    stored = read_stored()
    assert reseal_everything() == 0
    assert read_stored() == stored


def test_the_database_holds_no_private_key_in_the_clear():
    keys = [bytes(row.private_key) for row in CertificateAuthority.objects.all()]
    stored = list(read_stored().values())
    assert keys
    assert not any(key[20:60] in sealed for key in keys for sealed in stored)


def test_every_column_that_holds_a_key_is_known_to_the_rotation():
    contexts = {field.context for field in list_sealed_fields()}
    assert {
        "scep_certificateauthority.private_key",
        "scep_servicecertificate.private_key",
        "scep_scepprofile.static_challenge",
        "devices_pushcertificate.private_key",
        "enrollment_tokensigningkey.private_key",
    } <= contexts
