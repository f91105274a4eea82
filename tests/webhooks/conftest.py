"""A receiver on loopback that is reached by HTTPS, and webhooks that lead to it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.scep.external.tls_server import TlsAuthority, WebServer, serve
from tests.webhooks.receiver import Receiver

MakeWebhook = Callable[..., tuple[Any, str]]


@pytest.fixture(scope="module")
def receiving(tls: TlsAuthority) -> Iterator[tuple[Receiver, WebServer]]:
    receiver = Receiver()
    with serve(tls.make_context("localhost"), receiver.answer) as server:
        receiver.url = server.url
        yield receiver, server


@pytest.fixture
def receiver(receiving: tuple[Receiver, WebServer], inside: None) -> Receiver:
    """A receiver that takes everything until a test tells it not to."""
    receiving[0].begin()
    return receiving[0]


@pytest.fixture
def make_webhook(db: None, bootstrapped: None, receiver: Receiver) -> MakeWebhook:
    """Make a webhook that leads to the receiver; returns it and its secret."""
    from webhooks.services.webhooks import create_webhook

    def make(*events: str, **facts: Any) -> tuple[Any, str]:
        values = {"name": "Help desk", "url": f"{receiver.url}/hook", "events": events}
        return create_webhook(**{**values, **facts}, actor="tests")

    return make
