"""System › Webhooks, and what programs do with `webhooks`: secrets are shown once, to few."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from guardmdm.health.webhooks import check_webhooks
from organization.models import AuditEntry
from tests.console.conftest import sign_in
from tests.rest.conftest import Program
from webhooks.models import Delivery, DeliveryState, Webhook, WebhookState
from webhooks.services.events import note_event, note_test
from webhooks.services.webhooks import (
    MOST_WEBHOOKS,
    create_webhook,
    pause_webhook,
)

pytestmark = pytest.mark.django_db
URL = "https://chat.example.com/hooks/path-that-is-a-password"
VALUES: dict[str, Any] = {"name": "Chat", "url": URL, "events": ["device.enrolled", "log.error"]}


@pytest.fixture
def webhook(bootstrapped: None) -> Webhook:
    return create_webhook(**VALUES, actor="tests")[0]


@pytest.fixture
def programs(bootstrapped: None) -> dict[str, Program]:
    from organization.models import Role
    from organization.services.api_keys import create_api_key

    return {role.value: Program(create_api_key(role, role=role, actor="tests")[1]) for role in Role}


@pytest.fixture
def clients(bootstrapped: None) -> dict[str, Client]:
    from tests.console.conftest import make_people

    return {role: sign_in(email) for role, email in make_people().items()}


def get_actions() -> list[str]:
    entries = AuditEntry.objects.filter(action__startswith="webhook.").order_by("id")
    return [entry.action for entry in entries]


class TestConsole:
    def test_secret_is_shown_once_when_a_webhook_is_added(self, clients: dict[str, Client]) -> None:
        browser = clients["administrator"]
        answer = browser.post("/console/system/webhooks/new", VALUES)
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        (secret,) = set(
            re.findall(r"whsec_[A-Za-z0-9+/=]+", html.unescape(answer.content.decode()))
        )
        row = Webhook.objects.get()
        assert bytes(row.secret or b"").decode() == secret
        page = browser.get(f"/console/system/webhooks/{row.public_id}").content.decode()
        assert "whsec_" not in page
        assert URL in page
        assert get_actions() == ["webhook.create"]
        entry = AuditEntry.objects.get(action="webhook.create")
        assert entry.detail["url"] == "https://chat.example.com/…"
        assert "whsec_" not in str([*AuditEntry.objects.values()])
        assert URL not in str([*AuditEntry.objects.values()])

    @pytest.mark.parametrize(
        "wrong",
        [{"url": "http://chat.example.com/"}, {"url": "https://u:p@chat.example.com/"},
         {"url": "chat"}, {"name": " "}, {"events": []}, {"events": ["device.exploded"]}],
    )  # fmt: skip
    def test_webhook_is_refused_when_it_cannot_work(
        self, wrong: dict[str, Any], clients: dict[str, Client]
    ) -> None:
        answer = clients["administrator"].post("/console/system/webhooks/new", VALUES | wrong)
        assert "has-errors" in answer.content.decode()
        assert Webhook.objects.count() == 0

    def test_webhook_is_changed_paused_resumed_and_deleted(
        self, clients: dict[str, Client], webhook: Webhook
    ) -> None:
        browser, path = clients["administrator"], f"/console/system/webhooks/{webhook.public_id}"
        changes = VALUES | {"name": "Help desk", "events": ["log.error"]}
        assert browser.post(f"{path}/edit", changes).status_code == 302
        webhook.refresh_from_db()
        assert (webhook.name, webhook.events) == ("Help desk", ["log.error"])
        browser.post(f"{path}/pause")
        browser.post(f"{path}/pause")
        assert "Resume" in browser.get(path).content.decode()
        browser.post(f"{path}/test")
        assert Delivery.objects.count() == 0  # nothing is sent to one that is paused
        browser.post(f"{path}/resume")
        browser.post(f"{path}/test")
        delivery = Delivery.objects.get()
        assert delivery.event_type == "webhook.test"
        browser.post(f"{path}/delete")
        assert Webhook.objects.count() == 0
        names = ["create", "update", "pause", "resume", "test", "delete"]
        assert get_actions() == [f"webhook.{name}" for name in names]

    def test_message_is_shown_and_sent_again(
        self, clients: dict[str, Client], webhook: Webhook
    ) -> None:
        note_event("log.error", lambda: {"text": "<script>"})
        Delivery.objects.update(state=DeliveryState.GIVEN_UP, finished_at=timezone.now())
        row, browser = Delivery.objects.get(), clients["administrator"]
        path = f"/console/system/webhooks/{webhook.public_id}"
        assert row.public_id in browser.get(path).content.decode()
        page = browser.get(f"{path}/deliveries/{row.public_id}").content.decode()
        assert "&lt;script&gt;" in page
        browser.post(f"{path}/deliveries/{row.public_id}")
        row.refresh_from_db()
        assert row.state == DeliveryState.WAITING
        other = create_webhook(**VALUES, actor="tests")[0]
        elsewhere = f"/console/system/webhooks/{other.public_id}/deliveries/{row.public_id}"
        assert browser.get(elsewhere).status_code == 404

    def test_new_secret_is_shown_once_when_it_is_rolled(
        self, clients: dict[str, Client], webhook: Webhook
    ) -> None:
        path = f"/console/system/webhooks/{webhook.public_id}/secret"
        assert "whsec_" not in clients["administrator"].get(path).content.decode()
        assert "whsec_" in clients["administrator"].post(path).content.decode()

    @pytest.mark.parametrize("action", ["test", "pause", "resume", "secret", "deliveries/{}"])
    def test_page_is_not_there_when_the_webhook_is_deleted_at_that_moment(
        self,
        clients: dict[str, Client],
        webhook: Webhook,
        monkeypatch: pytest.MonkeyPatch,
        action: str,
    ) -> None:
        delivery = note_test(webhook.pk, public_id=webhook.public_id, now=timezone.now())

        def delete_first(request: HttpRequest) -> str:
            Webhook.objects.all().delete()
            return "tests"

        monkeypatch.setattr("webhooks.console.get_actor", delete_first)
        page = f"/console/system/webhooks/{webhook.public_id}/{action.format(delivery.public_id)}"
        assert clients["administrator"].post(page).status_code == 404

    def test_address_is_hidden_when_an_auditor_looks(
        self, clients: dict[str, Client], webhook: Webhook
    ) -> None:
        for path in ("", webhook.public_id):
            page = clients["auditor"].get(f"/console/system/webhooks/{path}").content.decode()
            assert "chat.example.com" in page
            assert "path-that-is-a-password" not in page

    def test_password_is_asked_for_when_the_sign_in_is_long_ago(
        self, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("organization.console.access.RECENT", 0)
        answer = clients["administrator"].get("/console/system/webhooks/new")
        assert answer["Location"].startswith("/accounts/reauthenticate/")


class TestRest:
    def test_secret_is_answered_once_when_a_webhook_is_made(
        self, programs: dict[str, Program]
    ) -> None:
        program = programs["administrator"]
        made = program.post("webhooks", VALUES)
        assert made.status_code == 201
        body = made.json()
        assert body["secret"].startswith("whsec_")
        assert (body["url"], body["events"], body["state"]) == (URL, VALUES["events"], "active")
        assert "secret" not in program.get(f"webhooks/{body['id']}").json()
        rolled = program.post(f"webhooks/{body['id']}/roll-secret").json()
        assert rolled["secret"] not in ("", body["secret"])

    def test_path_is_hidden_when_the_key_is_an_auditors(
        self, programs: dict[str, Program], webhook: Webhook
    ) -> None:
        (row,) = programs["auditor"].list("webhooks")
        assert row["url"] == "https://chat.example.com/…"
        assert programs["administrator"].list("webhooks")[0]["url"] == URL

    def test_webhook_is_changed_when_some_fields_are_given(
        self, programs: dict[str, Program], webhook: Webhook
    ) -> None:
        program, path = programs["administrator"], f"webhooks/{webhook.public_id}"
        assert program.patch(path, {"name": "Help desk"}).json()["events"] == VALUES["events"]
        assert program.patch(path, {"state": "paused"}).json()["state"] == "paused"
        refused = program.post(f"{path}/test")
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook_paused")
        assert program.patch(path, {"state": "active"}).json()["state"] == "active"
        wrong: list[dict[str, Any]] = [{"url": "http://x/"}, {"events": []}, {"events": ["x"]}]
        for changes in (*wrong, {"secret": "x"}):
            assert program.patch(path, changes).status_code == 400
        assert program.delete(path).status_code == 204
        assert program.get(path).status_code == 404

    def test_deliveries_are_listed_filtered_and_sent_again(
        self, programs: dict[str, Program], webhook: Webhook
    ) -> None:
        program, path = programs["administrator"], f"webhooks/{webhook.public_id}"
        test = program.post(f"{path}/test")
        assert test.status_code == 202
        note_event("log.error", lambda: {"x": 1})
        Delivery.objects.filter(event_type="log.error").update(state=DeliveryState.GIVEN_UP)
        assert len(program.list(f"{path}/deliveries")) == 2
        (row,) = program.list(f"{path}/deliveries", state="given_up")
        assert row["message"]["data"] == {"x": 1}
        assert row["message"]["id"] == row["event"]
        assert program.list(f"{path}/deliveries", type="webhook.test")[0]["id"] == test.json()["id"]
        again = program.post(f"{path}/deliveries/{row['id']}/send-again")
        assert (again.status_code, again.json()["state"]) == (202, "waiting")
        assert program.get(f"webhooks/hook_{'a' * 20}/deliveries").status_code == 404

    def test_webhook_is_refused_when_there_are_very_many(
        self, programs: dict[str, Program]
    ) -> None:
        for _ in range(MOST_WEBHOOKS):
            create_webhook(**VALUES, actor="tests")
        answer = programs["administrator"].post("webhooks", VALUES)
        assert (answer.status_code, answer.json()["code"]) == (400, "webhook_invalid")


def test_secret_is_sealed_when_it_is_stored(webhook: Webhook) -> None:
    secret = bytes(webhook.secret or b"")
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM webhooks_webhook")
        ((stored,),) = cursor.fetchall()
    assert secret.startswith(b"whsec_")
    assert secret[6:] not in bytes(stored)


def test_doctor_warns_when_nothing_arrives_for_an_hour(webhook: Webhook) -> None:
    assert check_webhooks().fix == ""
    assert "take what they are sent" in check_webhooks().text
    Webhook.objects.update(failing_since=timezone.now() - timedelta(minutes=30))
    assert check_webhooks().fix == ""
    assert "“Chat” took nothing at last" in check_webhooks().text
    Webhook.objects.update(failing_since=timezone.now() - timedelta(minutes=61))
    finding = check_webhooks()
    assert (finding.is_failure, "Chat" in finding.text) == (False, True)
    assert finding.fix
    pause_webhook(webhook, actor="tests")
    assert check_webhooks().fix == ""
    Webhook.objects.update(state=WebhookState.PAUSED, pause_reason="Gone.")
    assert "Gone." in check_webhooks().text
