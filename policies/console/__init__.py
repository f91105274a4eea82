"""Administrators' doors: policies, the packages that they install, and items that have failed."""

from policies.console import packages, policies
from policies.console.failures import failure_urlpatterns
from policies.console.retry import retry_urlpatterns

console_urlpatterns = [
    *policies.console_urlpatterns,
    *packages.console_urlpatterns,
    *retry_urlpatterns,
    *failure_urlpatterns,
]

__all__ = ["console_urlpatterns"]
