"""Administrators' doors: policies, and the packages that they install."""

from policies.console import packages, policies

console_urlpatterns = [*policies.console_urlpatterns, *packages.console_urlpatterns]

__all__ = ["console_urlpatterns"]
