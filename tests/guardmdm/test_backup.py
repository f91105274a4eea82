"""Backup and restore inside one process; tests/flows tells the story with real servers."""

import base64
import json
import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from guardmdm import sealed_file
from guardmdm.backup import BackupFailed, write_backup
from guardmdm.health import check_packages
from organization.models import AuditEntry, Organization
from organization.protocol.sealing import decode_key_ring, generate_key
from policies.services.package_files import get_path
from scep.models import (
    CertificateAuthority,
    DynamicChallenge,
    IssuedCertificate,
    RevocationList,
    ScepProfile,
)
from scep.selectors import get_issuing_ca
from scep.services.issuance import issue_identity, revoke_certificate
from scep.services.revocation import ensure_crl
from tests.database import _dump_rows
from tests.policies.packages import make_ipa
from tests.policies.uploads import upload_package

pytestmark = pytest.mark.django_db(transaction=True)
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(sealed_file, "COST", {"n": 2**10, "r": 8, "p": 1})


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path, settings):
    """With keys that a setting gave, not the folder."""
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()


@pytest.fixture
def passphrase_file(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    return path


@pytest.fixture
def backup(tmp_path, passphrase_file, capsys):
    """Make one; returns its path."""

    def make(name="guardmdm.backup"):
        path = tmp_path / name
        call_command("backup", str(path), passphrase_file=passphrase_file, json=True)
        made = json.loads(capsys.readouterr().out)
        assert (made["file"], made["bytes"]) == (str(path), path.stat().st_size)
        return path

    return make


@pytest.fixture
def restore(passphrase_file, capsys):
    def load(path):
        call_command("restore", str(path), passphrase_file=passphrase_file, json=True)
        return json.loads(capsys.readouterr().out)

    return load


def make_rows():
    """Certificates good and revoked, a published list, an open challenge; returns the list."""
    for _ in range(3):
        row = issue_identity(session_id="", token_id="j", common_name="ü 🍏", now=timezone.now())[2]
    revoke_certificate(row, reason="key_compromise", now=timezone.now(), actor="a@example.com")
    DynamicChallenge.objects.create(
        scep_profile=ScepProfile.objects.get(name="Default"),
        secret_sha256="0" * 64,
        expires_at=timezone.now() + timedelta(hours=1),
    )
    return ensure_crl(get_issuing_ca(), now=timezone.now())


def read_rows():
    """Every row but those that a backup changes on purpose, as text with secrets opened."""
    AuditEntry.objects.filter(action__startswith="backup.").delete()
    RevocationList.objects.update(is_stale=True)
    DynamicChallenge.objects.all().delete()
    return json.loads(_dump_rows())


def empty_database():
    # PostgreSQL's counters stay: the next test brings the bootstrap's rows back beside them.
    call_command("flush", interactive=False, verbosity=0, reset_sequences=False)


def test_every_row_is_as_it_was_when_it_was_restored(backup, restore):
    make_rows()
    path = backup()
    before = read_rows()
    empty_database()
    restored = restore(path)
    assert read_rows() == before
    assert restored["rows"] > 20
    new = issue_identity(session_id="", token_id="j", common_name="new", now=timezone.now())[2]
    assert new.pk > max(row["pk"] for row in before if row["model"] == "scep.issuedcertificate")


def test_operator_reads_the_minute_of_the_backup_when_it_was_restored(
    passphrase_file, tmp_path, capsys
):
    path = tmp_path / "guardmdm.backup"
    now = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
    write_backup(path, passphrase=PASSPHRASE, now=now)
    empty_database()
    call_command("restore", str(path), passphrase_file=passphrase_file)
    assert "rows of 4 Mar 2026, 05:06 UTC are back." in capsys.readouterr().out


def test_revocation_list_does_not_go_back_when_an_old_backup_is_restored(backup, restore):
    """R10: lists were published after the backup was made."""
    make_rows()
    path = backup()
    authority = get_issuing_ca()
    for row in IssuedCertificate.objects.filter(status="issued"):
        revoke_certificate(row, reason="superseded", now=timezone.now())
        published = ensure_crl(authority, now=timezone.now())
    empty_database()
    restore(path)
    later = timezone.now() + timedelta(seconds=10)
    assert ensure_crl(get_issuing_ca(), now=later).number > published.number


def test_one_time_challenges_do_not_come_back(backup, restore):
    make_rows()
    path = backup()
    empty_database()
    restore(path)
    assert not DynamicChallenge.objects.exists()


def test_secrets_open_when_the_new_installation_has_other_keys(backup, restore, settings):
    make_rows()
    key = bytes(get_issuing_ca().private_key)
    path = backup()
    empty_database()
    settings.GUARDMDM_KEY_RING = decode_key_ring(generate_key())
    notes = restore(path)["notes"]
    assert bytes(get_issuing_ca().private_key) == key
    assert any("GUARDMDM_ENCRYPTION_KEYS" in note for note in notes)


def test_keys_in_the_data_folder_take_over_those_of_the_backup(backup, restore, settings):
    old_ring, old_secret = settings.GUARDMDM_KEY_RING, settings.SECRET_KEY
    path = backup()
    empty_database()
    new = generate_key()
    settings.GUARDMDM_KEY_RING, settings.SECRET_KEY = decode_key_ring(new), "another"
    (settings.DATA_DIR / "encryption_keys").write_text(new)
    (settings.DATA_DIR / "secret_key").write_text("another")
    assert restore(path)["notes"] == []
    ring = decode_key_ring((settings.DATA_DIR / "encryption_keys").read_text())
    assert ring.keys == (*decode_key_ring(new).keys, *old_ring.keys)
    assert (settings.DATA_DIR / "secret_key").read_text() == old_secret
    for name in ("encryption_keys", "secret_key"):
        assert (settings.DATA_DIR / name).stat().st_mode & 0o077 == 0


def test_operator_is_told_when_the_address_differs(backup, restore, settings):
    path = backup()
    empty_database()
    old, settings.BASE_URL = settings.BASE_URL, "https://new.example.com"
    (note,) = (note for note in restore(path)["notes"] if "BASE_URL" in note)
    assert old in note


def test_files_of_packages_are_named_when_they_must_be_copied(
    backup, restore, settings, tmp_path, capsys, passphrase_file
):
    package = upload_package(make_ipa())
    path = backup()
    call_command("backup", str(tmp_path / "b"), passphrase_file=passphrase_file)
    assert "the files of 1 package (" in capsys.readouterr().out
    empty_database()
    assert "Expenses" not in str(restore(path)["notes"])
    get_path(package.sha256).unlink()
    empty_database()
    assert "Expenses 2.1" in str(restore(path)["notes"])
    assert check_packages().is_failure
    upload_package(make_ipa())
    assert not check_packages().is_failure


def test_backup_shows_nothing_and_belongs_to_its_owner(backup):
    make_rows()
    data = backup().read_bytes()
    secrets = [settings.SECRET_KEY.encode(), PASSPHRASE.encode(), b"Example Org", b"BEGIN"]
    for key in settings.GUARDMDM_KEY_RING.keys:
        secrets += [key, base64.b64encode(key), base64.urlsafe_b64encode(key)]
    for authority in CertificateAuthority.objects.filter(private_key__isnull=False):
        for der in (bytes(authority.private_key), bytes(authority.certificate)):
            secrets += [der[40:72], base64.b64encode(der)[60:90]]
    assert not [secret for secret in secrets if secret in data]
    assert not re.search(rb"[A-Za-z0-9 _.,:\"{}]{24}", data[18:])


def test_backup_belongs_to_its_owner_only(backup):
    assert backup().stat().st_mode & 0o077 == 0


def test_backup_and_restore_are_in_the_audit_log(backup, restore):
    path = backup()
    empty_database()
    restore(path)
    actions = AuditEntry.objects.filter(action__startswith="backup.").values_list("action")
    assert {action for (action,) in actions} == {"backup.create", "backup.restore"}


def test_restore_is_refused_when_there_are_rows(backup, restore):
    path = backup()
    before = _dump_rows()
    with pytest.raises(CommandError, match="rows already"):
        restore(path)
    assert _dump_rows() == before


@pytest.mark.parametrize("damage", ["cut", "changed", "other file", "missing"])
def test_database_stays_empty_when_the_file_is_damaged(backup, restore, damage, monkeypatch):
    monkeypatch.setattr(sealed_file, "PIECE_BYTES", 1000)
    make_rows()
    path = backup()
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif damage == "changed":
        path.write_bytes(data)
    elif damage == "other file":
        path.write_bytes(b"SQLite format 3\x00" * 100)
    else:
        path.unlink()
    empty_database()
    with pytest.raises(CommandError):
        restore(path)
    assert not Organization.objects.exists()
    assert not IssuedCertificate.objects.exists()


def test_restore_is_refused_when_the_passphrase_is_wrong(backup, restore, passphrase_file):
    path = backup()
    empty_database()
    passphrase_file.write_text("correct horse battery stable")
    with pytest.raises(CommandError, match="passphrase"):
        restore(path)
    assert not Organization.objects.exists()


@pytest.mark.parametrize("text", ["", "short", "\ncorrect horse battery staple"])
def test_nothing_is_written_when_the_passphrase_is_weak(backup, passphrase_file, tmp_path, text):
    passphrase_file.write_text(text)
    with pytest.raises(CommandError, match="at least 12"):
        backup()
    assert not list(tmp_path.glob("*.backup*"))


def test_earlier_backup_stays_when_a_new_one_fails(backup, monkeypatch):
    path = backup()
    before = path.read_bytes()

    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("guardmdm.backup.seal_pieces", fail)
    with pytest.raises(CommandError, match="No space left"):
        backup()
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.glob("*backup*")] == [path.name]


def test_backup_is_one_moment_when_the_server_goes_on(tmp_path, monkeypatch, restore):
    """Rows that are written meanwhile are all in it or all missing, and nobody waits."""
    waits, go_on = threading.Event(), threading.Event()
    seal = sealed_file.seal_pieces

    def seal_slowly(plain, *, passphrase):
        def slow():
            for number, part in enumerate(plain):
                if number == 8:  # the snapshot has begun, most tables are still to come
                    waits.set()
                    assert go_on.wait(20)
                yield part

        return seal(slow(), passphrase=passphrase)

    monkeypatch.setattr("guardmdm.backup.seal_pieces", seal_slowly)
    path = tmp_path / "guardmdm.backup"
    failed = []

    def work():
        try:
            write_backup(path, passphrase=PASSPHRASE, now=timezone.now())
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert waits.wait(20)
    late = issue_identity(session_id="", token_id="j", common_name="late", now=timezone.now())[2]
    go_on.set()
    thread.join()
    assert not failed
    empty_database()
    restore(path)
    assert not IssuedCertificate.objects.filter(serial=late.serial).exists()


def test_backup_of_another_form_is_refused(backup, restore, monkeypatch):
    monkeypatch.setattr("guardmdm.backup.VERSION", 2)
    path = backup()
    monkeypatch.undo()
    monkeypatch.setattr(sealed_file, "COST", {"n": 2**10, "r": 8, "p": 1})
    empty_database()
    with pytest.raises(CommandError, match="another version"):
        restore(path)


def test_nothing_is_backed_up_when_a_secret_cannot_be_opened(tmp_path, settings):
    """Better no backup than one without the CA's key."""
    settings.GUARDMDM_KEY_RING = decode_key_ring(generate_key())
    path = tmp_path / "guardmdm.backup"
    with pytest.raises(Exception, match="opens this value"):
        write_backup(path, passphrase=PASSPHRASE, now=timezone.now())
    assert not path.exists()


def test_failure_is_told_in_one_line_when_the_folder_is_missing(tmp_path):
    with pytest.raises(BackupFailed, match="cannot be written"):
        write_backup(tmp_path / "no" / "file", passphrase=PASSPHRASE, now=timezone.now())


def test_failure_is_told_in_one_line_when_nothing_can_be_deleted_either(tmp_path):
    """As on a read-only disk: there it ended with a traceback."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(BackupFailed, match="cannot be written"):
        write_backup(file / "guardmdm.backup", passphrase=PASSPHRASE, now=timezone.now())
