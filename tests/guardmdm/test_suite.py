"""The suite's own lists: in CI a skipped test is a failure."""

from pathlib import Path

from tests.run import POSTGRESQL_ONLY

ROOT = Path(__file__).parent.parent.parent
SKIP = 'pytest.mark.skipif(connection.vendor != "postgresql"'


def test_files_that_sqlite_would_skip_are_left_out_of_its_stage() -> None:
    skipped = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if path != Path(__file__) and SKIP in path.read_text()
    }
    assert skipped == set(POSTGRESQL_ONLY)
