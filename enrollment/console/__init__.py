"""Administrators' doors: Enrollment › OTA › Tokens and Enrollment › Log."""

from django.urls import URLPattern

from enrollment.console import log, tokens

console_urlpatterns: list[URLPattern] = [*tokens.urlpatterns, *log.urlpatterns]
