"""A request as it reaches a view, in the session of a test's client."""

from django.http import HttpRequest
from django.test import Client, RequestFactory


def build_request(client: Client) -> HttpRequest:
    request = RequestFactory().get("/")
    request.session = client.session
    return request
