import pytest

from organization.protocol.loopback import is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LocalHost", "mdm.localhost"]
)
def test_host_is_the_machines_own_when_nobody_else_gets_there_by_it(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "fe80::1", "[::1]", "127.1"),
        *("localhost.example.com", "notlocalhost", "127.0.0.1.example.com"),
    ],
)
def test_host_is_anybodys_when_it_is_another(host: str) -> None:
    assert not is_loopback(host)
