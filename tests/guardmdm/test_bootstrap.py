import io
import json
import subprocess

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from devices.models import Group, PushCertificate
from enrollment.models import EnrollmentToken, TokenSigningKey
from guardmdm.bootstrap import set_up
from organization.models import Administrator, Organization
from organization.protocol.sealing import decode_key_ring, generate_key
from policies.models import Policy
from scep.models import CertificateAuthority, ScepProfile, ServiceCertificate
from scep.selectors import get_issuing_ca

pytestmark = pytest.mark.django_db
MADE = [
    Organization, Administrator, CertificateAuthority, ServiceCertificate, ScepProfile,
    TokenSigningKey, Group, Policy, PushCertificate, EnrollmentToken,
]  # fmt: skip


def count_rows():
    return {model.__name__: model.objects.count() for model in MADE}


def test_a_second_set_up_adds_nothing():
    before = count_rows()
    assert all(before.values())
    again = set_up(organization_name="Another Name", administrator_email=None, demo=True)
    assert count_rows() == before
    assert again.one_time_password is None
    assert again.organization.name == "Example Org"


def test_a_password_is_shown_only_for_an_account_that_is_new():
    made = set_up(organization_name=None, administrator_email="ada@example.com", demo=False)
    assert made.administrator.check_password(made.one_time_password)
    assert made.administrator.must_change_password
    known = set_up(organization_name=None, administrator_email="ADA@example.com", demo=False)
    assert known.one_time_password is None


@pytest.mark.parametrize("address", ["admin", "a b@example.com", "ä@example.com"])
def test_no_account_is_made_when_nobody_could_sign_in_by_its_address(address):
    before = count_rows()
    with pytest.raises(CommandError, match="valid email address"):
        call_command("bootstrap", admin=address, stdout=io.StringIO())
    assert count_rows() == before


@pytest.mark.parametrize("name", ["  ", "x" * 201, "Example\nCorp", "\u202eproC"])
def test_nothing_is_set_up_when_the_organization_can_have_no_such_name(name):
    Administrator.objects.all().delete()
    EnrollmentToken.objects.all().delete()
    Organization.objects.all().delete()
    with pytest.raises(CommandError):
        call_command("bootstrap", org=name, stdout=io.StringIO())
    assert not Organization.objects.exists()
    assert not Administrator.objects.exists()


def test_the_command_says_everything_that_a_script_needs(capsys):
    call_command("bootstrap", demo=True, json=True)
    made = json.loads(capsys.readouterr().out)
    assert made["organization"]["id"].startswith("org_")
    assert made["administrator"] == "admin@example.com"
    assert made["one_time_password"] is None
    assert made["must_change_password"] is True
    assert "/enroll?token=eyJ" in made["enrollment_url"]


def test_the_command_names_the_data_folder_before_a_password_that_nobody_expects(capsys):
    call_command("bootstrap", admin="ann@example.org")
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.split() == ["Data", "folder", str(settings.DATA_DIR)]
    assert last.startswith("One-time password")


def test_a_revoked_sample_token_is_replaced(capsys):
    EnrollmentToken.objects.update(revoked_at="2026-01-01T00:00:00Z")
    set_up(organization_name=None, administrator_email=None, demo=True)
    assert EnrollmentToken.objects.filter(revoked_at=None).count() == 1


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ec_p256", "prime256v1"),
        ("rsa_2048", "Public-Key: (2048 bit)"),
        ("rsa_4096", "Public-Key: (4096 bit)"),
    ],
)
def test_the_issuing_ca_has_the_key_that_was_asked_for(key, words):
    EnrollmentToken.objects.all().delete()
    ScepProfile.objects.all().delete()
    ServiceCertificate.objects.all().delete()
    CertificateAuthority.objects.exclude(parent=None).delete()
    call_command("bootstrap", ca_key=key, stdout=io.StringIO())
    text = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-text"],
        input=bytes(get_issuing_ca().certificate),
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert words in text
    call_command("bootstrap", ca_key="rsa_2048", stdout=io.StringIO())
    assert CertificateAuthority.objects.filter(role="issuing").count() == 1


def test_a_key_of_another_kind_is_refused():
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("bootstrap", "--ca-key", "rsa_1024")


def test_a_start_says_so_when_its_keys_are_not_the_databases(settings, capsys):
    settings.GUARDMDM_KEY_RING = decode_key_ring(generate_key())
    call_command("bootstrap")
    told = capsys.readouterr()
    assert told.out.startswith("Data folder")
    assert "registration authority's key cannot be opened" in told.err
    assert "encryption_keys" in told.err


def test_a_start_warns_of_nothing_when_all_is_well(capsys):
    call_command("bootstrap")
    assert capsys.readouterr().err == ""
