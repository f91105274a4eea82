"""Trust the root first: who has to, what they are told, and how they go on."""

from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.test import Client
from django.utils import timezone

from enrollment.models import EnrollmentSession
from enrollment.services.root_trust import find_check_url
from enrollment.services.token_texts import build_token_text
from enrollment.tasks import check_server_certificate
from organization.models import Organization, ServerTrust
from scep.selectors import get_root_ca
from scep.services.server_certificate import issue_server_certificate
from tests.enrollment.conftest import IPHONE, MAC, MakeToken
from tests.enrollment.protocol.test_platform import IOS
from tests.scep.external.tls_server import Reply, TlsAuthority, WebServer, serve
from tests.simulator.web import open_page as open_page_as_person
from tests.simulator.web import open_session

pytestmark = pytest.mark.django_db
FIRST = "has to trust"
CHECK_URL = "https://192.0.2.7:8443/enroll/trusted"


@pytest.fixture(autouse=True)
def https(settings: Any) -> None:
    settings.BASE_URL, settings.IS_HTTPS = "https://mdm.example.com:8443", True


@pytest.fixture
def own(bootstrapped: None) -> None:
    Organization.objects.update(server_trust_found="own", trust_check_url=CHECK_URL)


def open_page(client: Client, make_token: MakeToken, *, agent: str = IPHONE, **query: str) -> Any:
    token = build_token_text(make_token())
    return client.get("/enroll", {"token": token, **query}, headers={"User-Agent": agent})


def test_iphone_is_led_through_root_and_switch_when_our_root_vouches(
    client: Client, make_token: MakeToken, own: None
) -> None:
    answer = open_page(client, make_token)
    page = answer.content.decode()
    root = get_root_ca()
    name = x509.load_der_x509_certificate(bytes(root.certificate)).subject.rfc4514_string()
    assert f"CN={root.name}" in name
    for text in (FIRST, "/enroll/ca.mobileconfig", root.name, "Certificate Trust Settings"):
        assert text in page
    assert root.fingerprint.upper() in page.replace(" ", "")
    assert "Download profile" not in page
    assert f'data-trust-url="{CHECK_URL}"' in page
    policy = answer["Content-Security-Policy"]
    assert "connect-src 'self' https://192.0.2.7:8443" in policy
    assert not EnrollmentSession.objects.exists()
    after = open_page(client, make_token, trusted="1")
    assert "Download profile" in after.content.decode()
    assert "192.0.2.7" not in after["Content-Security-Policy"]


def test_mac_needs_no_switch_when_our_root_vouches(
    client: Client, make_token: MakeToken, own: None
) -> None:
    page = open_page(client, make_token, agent=MAC).content.decode()
    assert FIRST in page
    assert "Certificate Trust Settings" not in page


@pytest.mark.parametrize(
    "agent", ["Mozilla/5.0 (Windows NT 10.0) Chrome/130.0", f"{IOS} Mobile/15E148 Instagram 350"]
)
def test_others_get_the_link_first_when_our_root_vouches(
    client: Client, make_token: MakeToken, own: None, agent: str
) -> None:
    assert FIRST not in open_page(client, make_token, agent=agent).content.decode()


def test_chrome_on_an_iphone_trusts_first_when_it_continues(
    client: Client, make_token: MakeToken, own: None
) -> None:
    agent = f"{IOS} CriOS/130.0 Mobile/15E148 Safari/604.1"
    page = open_page(client, make_token, agent=agent).content.decode()
    assert "Open in Safari" in page
    assert 'name="continue"' in page
    page = open_page(client, make_token, agent=agent, **{"continue": "1"}).content.decode()
    assert FIRST in page
    assert 'name="continue"' in page
    both = {"continue": "1", "trusted": "1"}
    assert "Download profile" in open_page(client, make_token, agent=agent, **both).content.decode()


@pytest.mark.parametrize(
    ("chosen", "found", "leads"),
    [
        (ServerTrust.AUTOMATIC, "own", True),
        (ServerTrust.AUTOMATIC, "public", False),
        (ServerTrust.AUTOMATIC, "other", False),
        (ServerTrust.AUTOMATIC, "", False),
        (ServerTrust.OWN, "public", True),
        (ServerTrust.PUBLIC, "own", False),
    ],
)
def test_the_administrators_word_counts_before_what_was_found(
    client: Client, make_token: MakeToken, chosen: str, found: str, leads: bool
) -> None:
    Organization.objects.update(server_trust=chosen, server_trust_found=found)
    assert (FIRST in open_page(client, make_token).content.decode()) is leads


def test_a_certificate_of_our_own_making_counts_until_something_is_found(
    client: Client, make_token: MakeToken
) -> None:
    issue_server_certificate(["mdm.example.com"], now=timezone.now())
    assert FIRST in open_page(client, make_token).content.decode()
    Organization.objects.update(server_trust_found="public")
    assert FIRST not in open_page(client, make_token).content.decode()


def test_what_the_task_finds_is_kept_when_the_server_is_away_later(
    web: WebServer, settings: Any, bootstrapped: None
) -> None:
    for url, found in ((web.url, "other"), ("https://localhost:9", "other")):
        settings.BASE_URL = url
        check_server_certificate()
        assert Organization.objects.get().server_trust_found == found


def test_another_name_of_the_same_server_is_found_when_our_root_vouches(
    tls: TlsAuthority,
) -> None:
    roots = [tls.certificate.public_bytes(Encoding.DER)]
    names = ("localhost", "*.example.com", "elsewhere.invalid", "127.0.0.1")
    with serve(tls.make_context(*names), lambda asked: Reply()) as server:
        found = find_check_url(server.url, names, roots=roots)
    assert found == f"https://127.0.0.1:{server.port}/enroll/trusted"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "mdm.example.com.", "*.example.com"])
def test_no_name_is_taken_that_leads_elsewhere_or_has_the_same_exception(host: str) -> None:
    assert find_check_url("https://mdm.example.com", [host, "mdm.example.com"], roots=[]) == ""


def test_check_is_answered_whatever_name_it_is_asked_under(
    client: Client, bootstrapped: None, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["mdm.example.com"]
    answer = client.get("/enroll/trusted", headers={"Host": "192.0.2.7:8443"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get("/enroll", headers={"Host": "192.0.2.7:8443"}).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_a_person_gets_from_the_root_to_the_profile_when_each_page_is_followed(
    live_server: Any, make_token: MakeToken, own: None
) -> None:
    url = f"{live_server.url}/enroll?token={build_token_text(make_token())}"
    with httpx.Client() as http:
        page = open_page_as_person(http, url=url, user_agent=IPHONE)
        assert "trusted=1" in str(page.url)
        session = open_session(http, page=page, user_agent=IPHONE)
    assert session is not None
    assert session.session_id == EnrollmentSession.objects.get().public_id
