"""A CA's key leaves this server only encrypted, and never unnoticed."""

import io
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.management import CommandError, call_command
from django.utils import timezone

from organization.models import AuditEntry
from scep.errors import AuthorityInvalid
from scep.models import CertificateAuthority
from scep.selectors import get_certificate, get_issuing_ca, get_root_ca
from scep.services.authority_import import import_authority
from scep.services.escrow import export_authority
from tests.scep.corporate_ca import make_corporation
from tests.scep.reply import run_openssl

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def export(authority: CertificateAuthority, *, password: str = PASSWORD) -> bytes:
    return export_authority(
        authority, password=password, actor="admin@example.com", now=timezone.now()
    )


def test_openssl_opens_the_file_with_the_password_and_finds_key_and_chain(tmp_path: Path) -> None:
    authority = get_issuing_ca()
    path = tmp_path / "ca.p12"
    path.write_bytes(export(authority))
    pem = run_openssl("pkcs12", "-in", str(path), "-passin", f"pass:{PASSWORD}", "-nodes")
    found = x509.load_pem_x509_certificates(pem)
    assert found == [get_certificate(authority), get_certificate(get_root_ca())]
    key = load_pem_private_key(pem[pem.index(b"-----BEGIN PRIVATE KEY") :], None)
    assert key.public_key() == found[0].public_key()
    with pytest.raises(AssertionError, match="invalid password"):
        run_openssl("pkcs12", "-in", str(path), "-passin", "pass:wrong", "-nodes")


def test_file_is_encrypted_with_aes_256_and_many_rounds(tmp_path: Path) -> None:
    path = tmp_path / "ca.p12"
    path.write_bytes(export(get_root_ca()))
    arguments = ("pkcs12", "-in", str(path), "-passin", f"pass:{PASSWORD}", "-info", "-noout")
    import subprocess

    told = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True)
    assert "MAC: sha256, Iteration 600000" in told.stderr
    assert told.stderr.count("PBES2, PBKDF2, AES-256-CBC, Iteration 600000") == 2
    assert "hmacWithSHA256" in told.stderr


def test_no_key_stands_in_the_file_in_the_clear() -> None:
    authority = get_issuing_ca()
    private = bytes(authority.private_key or b"")
    assert len(private) > 100
    content = export(authority)
    assert private not in content
    assert private[36:68] not in content  # the number itself


def test_export_is_audited_without_its_password() -> None:
    authority = get_issuing_ca()
    export(authority)
    entry = AuditEntry.objects.get(action="authority.export")
    assert (entry.actor, entry.subject_id) == ("admin@example.com", authority.public_id)
    assert PASSWORD not in str(entry.detail)


def test_export_is_refused_when_the_password_is_short_or_the_key_is_not_here() -> None:
    with pytest.raises(AuthorityInvalid, match="12 characters"):
        export(get_issuing_ca(), password="eleven char")
    row = import_authority(make_corporation().bundle, actor="a", now=timezone.now())
    assert row.parent is not None
    with pytest.raises(AuthorityInvalid, match="not here"):
        export(row.parent)
    assert not AuditEntry.objects.filter(action="authority.export").exists()


def test_exported_ca_comes_home_when_it_is_imported_where_it_is_unknown() -> None:
    row = import_authority(make_corporation().bundle, actor="a", now=timezone.now())
    content = export(row)
    from scep.services.rotation import cancel_authority

    cancel_authority(row, actor="a")
    again = import_authority(content, password=PASSWORD, actor="a", now=timezone.now())
    assert (again.fingerprint, again.private_key) == (row.fingerprint, row.private_key)


def test_command_writes_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    password, path, said = tmp_path / "password", tmp_path / "ca.p12", io.StringIO()
    password.write_text(f"{PASSWORD}\nsecond line\n")
    call_command("export_ca", str(path), password_file=password, stdout=said)
    assert path.stat().st_mode & 0o777 == 0o600
    run_openssl("pkcs12", "-in", str(path), "-passin", f"pass:{PASSWORD}", "-noout")
    assert get_issuing_ca().public_id in said.getvalue()
    assert AuditEntry.objects.get(action="authority.export").actor == "manage.py export_ca"


def test_audit_log_tells_of_no_export_when_the_file_cannot_be_made(tmp_path: Path) -> None:
    password, path = tmp_path / "password", tmp_path / "ca.p12"
    password.write_text(PASSWORD)
    path.write_text("somebody's")
    with pytest.raises(CommandError, match="exists"):
        call_command("export_ca", str(path), password_file=password)
    with pytest.raises(CommandError, match="No such file"):
        call_command("export_ca", str(tmp_path / "none" / "ca.p12"), password_file=password)
    assert path.read_text() == "somebody's"
    assert not AuditEntry.objects.filter(action="authority.export").exists()


def test_command_tells_a_script_where_the_ca_is(tmp_path: Path) -> None:
    password, path, said = tmp_path / "password", tmp_path / "ca.p12", io.StringIO()
    password.write_text(PASSWORD)
    call_command("export_ca", str(path), password_file=password, json=True, stdout=said)
    row = get_issuing_ca()
    assert json.loads(said.getvalue()) == {
        "id": row.public_id, "name": row.name, "file": str(path),
    }  # fmt: skip


def test_command_says_what_is_wrong(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("short")
    path = tmp_path / "ca.p12"
    with pytest.raises(CommandError, match="12 characters"):
        call_command("export_ca", str(path), password_file=password)
    with pytest.raises(CommandError, match="no CA ca_x"):
        call_command("export_ca", str(path), password_file=password, ca="ca_x")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("export_ca", str(path), password_file=tmp_path / "none")
    assert not path.exists()
