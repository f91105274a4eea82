"""System › Settings: what administrators save there, and what is refused."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from organization.models import AuditEntry, Organization
from tests.organization.protocol.test_logo import SVG, encode

pytestmark = pytest.mark.django_db
VALUES = {
    "name": "Example AG",
    "support_contact": "it@example.com",
    "accent_colour": "#c2185b",
    "server_trust": "own",
}


def save(client: Client, **changes: Any) -> str:
    answer = client.post("/console/system/settings", VALUES | changes, follow=True)
    return answer.content.decode()


def test_what_is_saved_is_shown_and_noted(administrator: Client, auditor: Client) -> None:
    logo = SimpleUploadedFile("logo.png", encode(Image.new("RGB", (90, 30), "teal")))
    assert "The settings are saved." in save(administrator, logo=logo)
    row = Organization.objects.get()
    assert {name: getattr(row, name) for name in VALUES} == VALUES
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions)[-2:] == ["organization.update", "organization.logo"]
    page = auditor.get("/console/system/settings").content.decode()
    assert "mailto:it@example.com" in page
    assert f"/branding/{row.logo_digest}.png" in page
    assert 'name="accent_colour"' not in page
    save(administrator, remove_logo="on")
    assert Organization.objects.get().logo_digest == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"logo": SimpleUploadedFile("x.png", SVG)}, "This is no PNG or JPEG image."),
        ({"logo": SimpleUploadedFile("x.png", bytes(1024 * 1024 + 1))}, "larger than 1 MB"),
        ({"accent_colour": "red;}"}, "Write a colour as #rrggbb."),
        ({"name": ""}, "required"),
        ({"name": "A\x07B"}, "This holds a control character."),
        ({"name": "A\uffffB"}, "This holds a control character."),
    ],
    ids=["svg", "large", "colour", "name", "control", "no character"],
)
def test_nothing_is_saved_when_one_value_is_refused(
    administrator: Client, changes: dict[str, Any], words: str
) -> None:
    before = AuditEntry.objects.count()
    assert words in save(administrator, **changes)
    assert Organization.objects.get().name == "Example Org"
    assert AuditEntry.objects.count() == before
