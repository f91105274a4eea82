"""Routes of collections: no trailing slash, rows by public id."""

from rest_framework.routers import SimpleRouter


def build_router() -> SimpleRouter:
    return SimpleRouter(trailing_slash=False)
