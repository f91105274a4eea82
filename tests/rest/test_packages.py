"""`packages`: streamed in, refused with the fix, put into policies."""

from collections.abc import Iterator
from typing import Any

import pytest

from policies.models import Package, PolicyItem
from policies.services import package_files
from policies.services.package_files import get_folder
from tests.policies.packages import make_component_pkg, make_ipa, make_pkg
from tests.rest.conftest import Program, Sample

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_folder() -> Iterator[None]:
    yield
    for path in get_folder().iterdir():
        path.unlink()


def upload(program: Program, data: bytes, *, name: str = "tools.pkg") -> Any:
    return program.client.post(
        f"/api/v1/packages?file_name={name}",
        data,
        content_type="application/octet-stream",
        headers=program.headers,
    )


def test_a_package_is_there_when_its_file_was_sent(operator: Program) -> None:
    answer = upload(operator, make_pkg())
    assert answer.status_code == 201
    made = answer.json()
    assert made["bundles"] == {"com.example.tools.app": "3.0"}
    assert Package.objects.get().address not in answer.content.decode()
    assert upload(operator, make_pkg()).json()["id"] == made["id"]


@pytest.mark.parametrize(
    ("data", "name", "status", "code"),
    [
        (make_component_pkg(), "tools.pkg", 400, "package_invalid"),
        (make_pkg(), "tools.exe", 400, "package_invalid"),
        (b"", "tools.pkg", 400, "package_invalid"),
        (make_pkg(payload=bytes(3000), packed=False), "tools.pkg", 413, "body_too_large"),
    ],
)
def test_the_fix_is_told_when_a_file_is_refused(
    operator: Program,
    monkeypatch: pytest.MonkeyPatch,
    data: bytes,
    name: str,
    status: int,
    code: str,
) -> None:
    monkeypatch.setattr(package_files, "MAX_BYTES", 4000)
    answer = upload(operator, data, name=name)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert list(get_folder().iterdir()) == []


def test_the_length_is_asked_for_when_a_package_comes_in_chunks(operator: Program) -> None:
    answer = operator.client.generic(
        "POST",
        "/api/v1/packages?file_name=a.pkg",
        content_type="application/octet-stream",
        headers={**operator.headers, "Transfer-Encoding": "chunked"},
    )
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
    assert "Content-Length" in answer.json()["detail"]
    assert list(get_folder().iterdir()) == []


def test_a_name_is_asked_for_before_the_file_is_read(
    operator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_files, "MAX_BYTES", 0)  # any file would be refused as too large
    answer = upload(operator, make_pkg(), name="")
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"file_name"})


def test_a_body_that_is_no_file_is_refused(operator: Program, sample: Sample) -> None:
    assert operator.post("packages?file_name=a.pkg", {"file": "x"}).status_code == 415
    path = f"packages/{sample.package.public_id}/install"
    data = {"data": b"x", "content_type": "application/octet-stream"}
    assert operator.send("POST", path, **data).status_code == 415


def test_a_policy_gets_a_package_and_a_configuration(operator: Program, sample: Sample) -> None:
    items = f"policies/{sample.policy.public_id}/items"
    app = {"package": sample.package.public_id, "configuration": {"server": "a"}}
    made = operator.post(items, {"app": app})
    assert (made.status_code, made.json()["package"]) == (201, sample.package.public_id)
    assert made.json()["is_configured"] is True
    assert "server" not in made.content.decode()
    path = f"{items}/{made.json()['id']}"
    assert operator.send("PUT", path, {"configuration": {}}).json()["is_configured"] is False
    newer = upload(operator, make_ipa(CFBundleShortVersionString="9"), name="a.ipa").json()["id"]
    assert operator.send("PUT", path, {"package": newer}).json()["package"] == newer
    for body in ({}, {"package": newer, "configuration": {}}, {"profile": "AAAA"}):
        assert operator.send("PUT", path, body).status_code == 400, body
    assert operator.send("PUT", path, {"configuration": {"a": None}}).status_code == 400
    used = operator.delete(f"packages/{newer}")
    assert (used.status_code, used.json()["code"]) == (409, "package_in_use")
    assert PolicyItem.objects.get(public_id=made.json()["id"]).configuration is None
