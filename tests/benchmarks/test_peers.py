"""Other servers' programs: found where they are, left out with a reason where they are not."""

import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import peer_mdm, peer_scep
from benchmarks.peer_scep import write_index
from benchmarks.peers import find_program


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An account in which nothing has been installed."""
    for name in ("PATH", "GOBIN", "GOPATH", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return tmp_path


@pytest.mark.parametrize(("module", "name"), [(peer_mdm, "nanomdm"), (peer_scep, "scepserver")])
def test_a_peer_is_left_out_with_its_reason_when_it_is_not_here(
    module: ModuleType,
    name: str,
    empty_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", [name])
    module.main()
    assert (
        f"Nothing is measured beside {name}: {name} is neither on PATH" in capsys.readouterr().out
    )


def test_a_peer_is_left_out_when_the_file_named_is_not_there(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["peer_scep", "--peer", "/no/such/program"])
    peer_scep.main()
    assert "there is no /no/such/program" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["path", "gobin", "gopath/bin"])
def test_a_peer_is_found_when_it_is_where_go_has_installed_it(place: str, empty_home: Path) -> None:
    program = empty_home / place / "nanomdm"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    assert find_program("nanomdm", given=None) == program


def test_openssl_knows_the_certificates_when_the_index_is_written(tmp_path: Path) -> None:
    write_index(tmp_path, count=300)
    (tmp_path / "index.txt.attr").write_text("unique_subject = yes\n")
    (tmp_path / "openssl.cnf").write_text(
        f"[ca]\ndefault_ca = all\n[all]\ndatabase = {tmp_path}/index.txt\n"
    )
    for serial, state in (("02", "Valid"), ("012D", "Valid"), ("012E", "not present")):
        command = ["openssl", "ca", "-config", str(tmp_path / "openssl.cnf"), "-status", serial]
        said = subprocess.run(command, capture_output=True, text=True).stderr
        assert state in said, said
    assert int((tmp_path / "serial").read_text(), 16) == 0x12E
