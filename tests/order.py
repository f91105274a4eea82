"""In what order the files of the suite are begun, and which stay together in one process."""

from collections import Counter
from typing import Any

from xdist.scheduler import LoadFileScheduling

# What takes longest comes first, each beside something of another kind: stories wait much and
# compute little. Begun last, one of these would leave the other processes idle at the end.
FIRST = (
    "tests/flows",  # the stories of one server
    "tests/rest/test_hostile.py",
    "tests/flows/test_backup_story.py",
    "tests/console/test_browser.py",
    "tests/flows/test_outage_story.py",
    "tests/scep/test_ocsp_hostile.py",
    "tests/guardmdm/test_serve.py",
    "tests/console/test_permissions.py",
    "tests/flows/test_external_story.py",
    "tests/enrollment/test_browser.py",
    "tests/flows/test_mutual_tls_story.py",
    "tests/devices/test_renewal.py",
    "tests/guardmdm/test_backup.py",
    "tests/rest/test_lists.py",
    "tests/guardmdm/test_turns.py",
    "tests/scep/external/test_outbound.py",
)
# These run servers of their own.
ALONE = tuple(path for path in FIRST if path.startswith("tests/flows/"))


def get_unit(nodeid: str) -> str:
    """What a test is run together with: its file, or all stories that share a server."""
    path = nodeid.partition("::")[0]
    shares_server = path.startswith("tests/flows/") and path not in ALONE
    return "tests/flows" if shares_server else path


def sort_units(items: list[Any]) -> None:
    """FIRST as it stands there, then what has most tests; inside a unit nothing moves."""
    sizes = Counter(get_unit(item.nodeid) for item in items)
    rest = sorted(sizes.keys() - set(FIRST), key=lambda unit: (-sizes[unit], unit))
    places = {unit: place for place, unit in enumerate([*FIRST, *rest])}
    items.sort(key=lambda item: places[get_unit(item.nodeid)])


class WholeUnits(LoadFileScheduling):  # type: ignore[misc]
    """`--dist loadfile`, with units for files."""

    def _split_scope(self, nodeid: str) -> str:
        return get_unit(nodeid)
