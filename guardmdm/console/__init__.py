"""Pages of the console that speak of several apps at once: dashboard, one device, search."""

from django.urls import URLPattern, path

from guardmdm.console.dashboard import show_dashboard
from guardmdm.console.device import show_device
from guardmdm.console.search import search

console_urlpatterns: list[URLPattern] = [
    path("", show_dashboard, name="dashboard"),
    path("search", search, name="search"),
    path("devices/<str:key>", show_device, name="device"),
]
