"""What every test may rely on: the environment, the first-time set-up, and no silent skips.

Tests of protocol/ run without Django (`-p no:django`), so this file imports none of it.
"""

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.order import WholeUnits, sort_units

# Somebody else's SCEP server: for whichever test asks for one.
pytest_plugins = ("tests.scep.external.fixtures",)
REQUIRE_ALL = os.environ.get("GUARDMDM_TEST_REQUIRE_ALL", "") not in ("", "0")
# Wall clocks of a busy machine say nothing of the code. And CI asks the same each time: what it
# came upon by chance would say nothing of the change that it is there to judge.
settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=REQUIRE_ALL,
)
settings.load_profile("any machine")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sort_units(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WholeUnits:
    return WholeUnits(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        _fail_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if REQUIRE_ALL and report.skipped:
        _fail_skipped(report)
    return report


def _fail_skipped(report: Any) -> None:
    """With GUARDMDM_TEST_REQUIRE_ALL a skip is a failure: CI must not go green by leaving out."""
    report.outcome = "failed"
    report.longrepr = f"skipped, but GUARDMDM_TEST_REQUIRE_ALL is set: {report.longrepr}"


if os.environ.get("DJANGO_SETTINGS_MODULE"):
    from tests.database import *  # noqa: F403
