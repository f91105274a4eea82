import pytest

from organization.services.client_address import get_client_address, name_site


def ask(rf, peer, forwarded=None):
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded is not None else {}
    return get_client_address(rf.get("/", REMOTE_ADDR=peer, **headers))


def test_a_header_is_ignored_when_the_peer_is_no_trusted_proxy(rf, settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert ask(rf, "192.0.2.1", "203.0.113.9") == "192.0.2.1"


def test_a_header_is_ignored_when_no_proxy_is_trusted(rf, settings):
    settings.TRUSTED_PROXIES = []
    assert ask(rf, "127.0.0.1", "203.0.113.9") == "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("203.0.113.9:51234", "203.0.113.9"),
        ("[2001:db8::5]:443", "2001:db8::5"),
        ("2001:db8::5", "2001:db8::5"),
        ("10.2.2.2", "10.2.2.2"),
        ("not an address", "10.0.0.1"),
        ("6.6.6.6, unix:", "10.0.0.1"),
        ("6.6.6.6, unknown, 10.1.1.1", "10.1.1.1"),
        ("203.0.113.9, ", "203.0.113.9"),
        ("", "10.0.0.1"),
    ],
)
def test_the_right_most_untrusted_hop_is_the_client(rf, settings, forwarded, client):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert ask(rf, "10.0.0.1", forwarded) == client


def test_an_ipv4_peer_on_an_ipv6_socket_is_recognized(rf, settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert ask(rf, "::ffff:10.0.0.1", "203.0.113.9") == "203.0.113.9"


def test_a_socket_file_has_no_address(rf, settings):
    settings.TRUSTED_PROXIES = []
    assert ask(rf, "") is None


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, ""),
    ],
)
def test_addresses_of_one_ipv6_network_count_as_one(address, site):
    assert name_site(address) == site
