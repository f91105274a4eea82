"""People who are invited by mail or sign in: their devices belong to them."""

import re
import uuid
from collections.abc import Callable
from html import unescape
from typing import Any

import httpx
import pytest

from tests.enrollment.mail_server import MailServer
from tests.flows.server import Server, make_token, wait_for
from tests.flows.test_enrollment_story import get_device
from tests.oidc.visit import sign_in_there
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import HttpRefused

pytestmark = pytest.mark.slow

Enroll = Callable[..., SimulatedDevice]


def find_mail(mail_server: MailServer, address: str) -> Any:
    return next((mail for mail in mail_server.mails if address in mail["To"]), None)


def test_device_belongs_to_the_person_whose_mail_brought_the_link(
    api: httpx.Client, enroll_device: Enroll, mail_server: MailServer
) -> None:
    token = make_token(api)
    address = f"ann-{uuid.uuid4().hex[:8]}@example.com"
    people = f"/enrollment/tokens/{token['jti']}/invitations"
    api.post(people, json={"csv": f"Ann Lee;{address};fr"}).raise_for_status()
    mail = wait_for(lambda: find_mail(mail_server, address), what="the mail")
    assert mail["Subject"] == "Inscrivez votre appareil auprès de Example Corp"
    link = re.search(r"http://\S+", mail.get_body(("plain",)).get_content())
    assert link is not None
    device = enroll_device(link[0])
    row = get_device(api, device)
    assert (row["owner"], row["owner_name"]) == (address, "Ann Lee")
    (invitation,) = api.get(people).json()["results"]
    assert (invitation["state"], invitation["device"]) == ("enrolled", row["id"])
    with pytest.raises(HttpRefused):
        enroll_device(link[0])


def test_device_belongs_to_the_person_who_signed_in(
    api: httpx.Client, enroll_device: Enroll
) -> None:
    token = make_token(api, sign_in_required=True)
    with pytest.raises(HttpRefused):
        enroll_device(token["url"])
    device = enroll_device(token["url"], platform="macos", person="bob")
    row = get_device(api, device)
    assert (row["owner"], row["owner_name"]) == ("bob@example.com", "Bob Ray")


def sign_in(server: Server, user: str) -> httpx.Client:
    """Go from the console's sign-in page to the provider and back, as a browser does."""
    browser = httpx.Client(base_url=server.base_url, headers={"Accept": "text/html"})
    link = re.search(
        r'href="(/accounts/sign-in[^"]*)"', browser.get("/console/", follow_redirects=True).text
    )
    assert link is not None
    away = browser.get(unescape(link[1]))
    browser.get(sign_in_there(browser, away.headers["Location"], user=user))
    return browser


def test_administrator_signs_in_by_the_provider_until_the_password_is_reset(
    server: Server,
) -> None:
    ada, eve = sign_in(server, "admin"), sign_in(server, "eve")
    assert ada.get("/console/").status_code == 200
    assert "/accounts/login/" in eve.get("/console/").headers["Location"]
    noted = ada.get("/console/system/audit-log/?kind=sign-ins").text
    assert "no verified address" in noted
    assert "127.0.0.1" in noted
    password = server.manage("reset_password", "admin@example.com")["password"]
    assert "/accounts/login/" in ada.get("/console/").headers["Location"]
    assert password not in server.log
    assert "code=" not in server.log
