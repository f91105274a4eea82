"""People who are invited by mail or sign in: their devices belong to them."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.enrollment.mail_server import MailServer
from tests.flows.server import make_token, wait_for
from tests.flows.test_enrollment_story import get_device
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
