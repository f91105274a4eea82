"""Where one of several fields is to be given, a refusal names each of them."""

from typing import Any

import pytest

from tests.rest.conftest import Program, Sample
from tests.rest.operations import build_path

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]

COMMANDS = "devices/{device}/commands"
ITEMS = "policies/{policy}/items"


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("bulk-commands", {"request_type": "ProfileList"}, {"devices", "group"}),
        ("enrollment/tokens/{token}/invitations", {}, {"people", "csv"}),
        ("scep/authorities/import", {}, {"pem", "pkcs12"}),
        (ITEMS, {"name": "x"}, {"profile", "app"}),
        (
            ITEMS,
            {"name": "x", "app": {"itunes_store_id": 1, "manifest_url": "https://example.com/m"}},
            {"app.itunes_store_id", "app.manifest_url", "app.package"},
        ),
    ],
)
def test_each_field_is_named_when_not_one_of_them_is_given(
    path: str, body: Any, fields: set[str], administrator: Program, sample: Sample
) -> None:
    answer = administrator.post(build_path(path, sample), body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert set(answer.json()["errors"]) == fields


@pytest.mark.parametrize(
    ("request_type", "parameters", "names"),
    [
        ("InstallApplication", {}, {"itunes_store_id", "manifest_url", "identifier"}),
        (
            "InstallApplication",
            {"itunes_store_id": 1, "identifier": "com.example.app"},
            {"itunes_store_id", "manifest_url", "identifier"},
        ),
        ("InstallMedia", {"media_type": "Book"}, {"itunes_store_id", "media_url"}),
        ("RemoveMedia", {"media_type": "Book"}, {"itunes_store_id", "persistent_id"}),
        ("RequestMirroring", {}, {"destination_name", "destination_device_id"}),
        ("DeleteUser", {}, {"user_name", "delete_all_users"}),
        ("EnableLostMode", {}, {"message", "phone_number"}),
    ],
)
def test_each_parameter_is_named_when_not_one_of_them_is_given(
    request_type: str,
    parameters: dict[str, Any],
    names: set[str],
    administrator: Program,
    sample: Sample,
) -> None:
    body = {"request_type": request_type, "parameters": parameters}
    answer = administrator.post(build_path(COMMANDS, sample), body)
    assert (answer.status_code, answer.json()["code"]) == (400, "command_invalid"), answer.content
    assert set(answer.json()["errors"]) == {f"parameters.{name}" for name in names}
