"""Uploaded packages: stored once, served in parts to whoever knows the address, deleted."""

import hashlib
import os
import plistlib
import random
import re
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from devices.models import Command
from policies.errors import PackageInUse, PackageInvalid, PackageTooLarge
from policies.models import Package, Policy
from policies.protocol.packages import CHUNK_SIZE
from policies.services import downloads, package_files
from policies.services.items import add_app_item, remove_item
from policies.services.package_files import IncomingFile, get_folder, get_path
from policies.services.packages import (
    build_manifest_url,
    build_package_url,
    delete_package,
    install_package,
    sweep_packages,
)
from tests.policies.device import Handheld, enroll
from tests.policies.packages import make_component_pkg, make_ipa, make_pkg
from tests.policies.uploads import upload_package

pytestmark = pytest.mark.django_db
DATA = make_ipa(payload=random.Random(7).randbytes(600_000))


@pytest.fixture(autouse=True)
def empty_folder() -> Iterator[None]:
    _clear_folder()
    yield
    _clear_folder()


def _clear_folder() -> None:
    for path in get_folder().iterdir():
        path.unlink()


def get_file(package: Package, **headers: str) -> Any:
    path = build_package_url(package).removeprefix("http://127.0.0.1:8000")
    return Client().get(path, headers=headers)


def read(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def list_files() -> list[str]:
    return sorted(path.name for path in get_folder().iterdir())


def test_a_file_lies_under_its_hash_when_it_is_uploaded() -> None:
    package = upload_package(DATA, file_name="C:\\Users\\me\\Expenses.ipa")
    assert package.sha256 == hashlib.sha256(DATA).hexdigest()
    assert get_path(package.sha256).read_bytes() == DATA
    assert (package.size, package.file_name) == (len(DATA), "Expenses.ipa")
    assert list_files() == [package.sha256]


def test_the_same_package_is_there_when_its_file_is_uploaded_again() -> None:
    first = upload_package(DATA)
    assert upload_package(DATA) == first
    get_path(first.sha256).unlink()
    assert upload_package(DATA) == first
    assert get_path(first.sha256).read_bytes() == DATA


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (make_component_pkg(), "tools.pkg"),
        (b"a cat", "cat.ipa"),
        (DATA, "Expenses.zip"),
        (DATA, "Expenses.pkg"),
    ],
)
def test_nothing_is_left_when_an_upload_is_refused(data: bytes, name: str) -> None:
    with pytest.raises(PackageInvalid):
        upload_package(data, file_name=name)
    assert list_files() == []
    assert not Package.objects.exists()


def test_an_upload_is_refused_when_the_disk_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    class Disk:
        free = package_files.SPARE_BYTES + 1000

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk)
    monkeypatch.setattr(package_files, "CHECK_EVERY", 10_000)
    package_files.check_room(1000)
    with pytest.raises(PackageTooLarge, match="room"):
        package_files.check_room(1001)
    incoming = IncomingFile()
    Disk.free = package_files.SPARE_BYTES - 1
    with pytest.raises(PackageTooLarge, match="room"):
        incoming.write(bytes(20_000))
    incoming.close()
    assert list_files() == []


def test_an_upload_is_refused_when_it_grows_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_files, "MAX_BYTES", 1000)
    incoming = IncomingFile()
    incoming.write(bytes(1000))
    with pytest.raises(PackageTooLarge, match="at most"):
        incoming.write(b"1")
    incoming.close()


def test_broken_uploads_and_ownerless_files_are_swept_after_a_day() -> None:
    package = upload_package(DATA)
    fresh, old, ownerless = (get_folder() / name for name in (".incoming-a", ".incoming-b", "ff"))
    for path in (fresh, old, ownerless):
        path.write_bytes(b"x")
    yesterday = time.time() - 90_000
    for path in (old, ownerless, get_path(package.sha256)):
        os.utime(path, (yesterday, yesterday))
    assert sweep_packages() == 2
    assert list_files() == sorted([".incoming-a", package.sha256])


def test_a_device_gets_the_whole_file_and_may_keep_it() -> None:
    package = upload_package(DATA)
    answer = get_file(package)
    assert (answer.status_code, read(answer)) == (200, DATA)
    assert answer["Content-Type"] == "application/octet-stream"
    assert (answer["Content-Length"], answer["Accept-Ranges"]) == (str(len(DATA)), "bytes")
    assert "immutable" in answer["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert get_file(package, if_none_match=answer["ETag"]).status_code == 304


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, len(DATA)),
        ("bytes=-5", len(DATA) - 5, len(DATA)),
        ("bytes=5-999999999999", 5, len(DATA)),
        (f"bytes=-{len(DATA) + 9}", 0, len(DATA)),
    ],
)
def test_a_part_comes_when_a_download_is_resumed(asked: str, start: int, end: int) -> None:
    package = upload_package(DATA)
    answer = get_file(package, range=asked, if_range=f'"{package.sha256}"')
    assert (answer.status_code, read(answer)) == (206, DATA[start:end])
    assert answer["Content-Range"] == f"bytes {start}-{end - 1}/{len(DATA)}"
    assert answer["Content-Length"] == str(end - start)


@pytest.mark.parametrize(
    "asked", ["bytes=9-5", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4"]
)
def test_the_whole_file_comes_when_the_range_is_none(asked: str) -> None:
    assert read(get_file(upload_package(DATA), range=asked)) == DATA


def test_the_whole_file_comes_when_it_is_another_than_before() -> None:
    answer = get_file(upload_package(DATA), range="bytes=5-", if_range='"other"')
    assert (answer.status_code, read(answer)) == (200, DATA)


@pytest.mark.parametrize("asked", [f"bytes={len(DATA)}-", "bytes=-0"])
def test_nothing_comes_when_the_range_is_behind_the_end(asked: str) -> None:
    answer = get_file(upload_package(DATA), range=asked)
    assert answer.status_code == 416
    assert answer["Content-Range"] == f"bytes */{len(DATA)}"


def test_head_tells_the_size_alone() -> None:
    package = upload_package(DATA)
    answer = Client().head(build_package_url(package).removeprefix("http://127.0.0.1:8000"))
    assert (answer.status_code, answer["Content-Length"]) == (200, str(len(DATA)))
    assert answer.content == b""


def test_the_manifest_leads_to_the_file_and_its_chunks() -> None:
    data = make_pkg(payload=os.urandom(CHUNK_SIZE + 5), packed=False)
    package = upload_package(data, portion=1024 * 1024)
    answer = Client().get(build_manifest_url(package).removeprefix("http://127.0.0.1:8000"))
    [item] = plistlib.loads(answer.content)["items"]
    [asset] = item["assets"]
    chunks = [data[at : at + asset["sha256-size"]] for at in (0, CHUNK_SIZE)]
    assert asset["sha256s"] == [hashlib.sha256(chunk).hexdigest() for chunk in chunks]
    assert asset["url"] == build_package_url(package)
    assert item["metadata"]["sizeInBytes"] == len(data)
    assert answer["Content-Type"].startswith("application/xml")


def test_nothing_is_found_when_the_address_is_not_known() -> None:
    package = upload_package(DATA)
    base = f"/apps/{package.address}"
    for path in (
        f"/apps/{'0' * 32}/package.ipa",
        f"{base}/package.pkg",
        f"{base}/package.ipa/",
        f"{base}/../{package.sha256}",
        f"{base}/%2e%2e/{package.sha256}",
        f"/apps/{package.sha256}",
        f"/apps/{package.address.upper()}x/package.ipa",
        "/apps/../secret_key",
    ):
        assert Client().get(path).status_code == 404, path
    assert Client().post(f"{base}/package.ipa").status_code == 405
    get_path(package.sha256).unlink()
    assert get_file(package).status_code == 404


def test_addresses_cannot_be_guessed() -> None:
    addresses = {upload_package(make_ipa(CFBundleVersion=str(n))).address for n in range(5)}
    assert len(addresses) == 5
    assert all(re.fullmatch("[0-9a-f]{32}", address) for address in addresses)


def test_nginx_is_told_where_the_file_is_when_it_asks(settings: Any) -> None:
    package = upload_package(DATA)
    answer = get_file(package, x_sendfile_type="X-Accel-Redirect")
    assert answer.content == b""
    assert answer["X-Accel-Redirect"] == f"/package-files/{package.sha256}"


def test_a_device_is_told_to_wait_when_every_thread_is_taken() -> None:
    package = upload_package(DATA)
    path = get_path(package.sha256)
    running = [downloads.Download(path, start=0, length=9) for _ in range(16)]
    refused = get_file(package)
    assert (refused.status_code, refused["Retry-After"]) == (503, "30")
    assert b"".join(running.pop()) == DATA[:9]
    running.pop().close()
    running.pop()  # forgotten by a server that does not close it
    again = [downloads.Download(path, start=0, length=9) for _ in range(3)]
    with pytest.raises(downloads.NoSlot):
        downloads.Download(path, start=0, length=9)
    for download in [*running, *again]:
        download.close()


def test_a_device_is_cut_off_when_it_takes_almost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    package = upload_package(DATA)
    moments = iter([0.0, 1.0, 90.0])
    monkeypatch.setattr(downloads, "monotonic", lambda: next(moments))
    download = downloads.Download(get_path(package.sha256), start=0, length=len(DATA))
    assert next(download)
    with pytest.raises(downloads.TooSlow):
        next(download)


def test_a_package_stays_while_a_policy_installs_it(policy: Policy) -> None:
    package = upload_package(DATA)
    item = add_app_item(policy, package=package, actor="tests")
    with pytest.raises(PackageInUse):
        delete_package(package, actor="tests")
    remove_item(item, actor="tests")


@pytest.mark.django_db(transaction=True)
def test_its_file_goes_when_a_package_is_deleted() -> None:
    package = upload_package(DATA)
    delete_package(package, actor="tests")
    assert list_files() == []


def test_a_device_installs_once_what_suits_it() -> None:
    package, tools = upload_package(DATA), upload_package(make_pkg())
    phone, mac = Handheld(enroll(None)), Handheld(enroll(None, platform="macos"))
    install_package(package, device=phone.enrollment.device, actor="tests")
    install_package(tools, device=mac.enrollment.device, actor="tests")
    bodies = [plistlib.loads(row.body or b"") for row in Command.objects.order_by("id")]
    assert bodies[0]["ManifestURL"] == build_manifest_url(package)
    assert bodies[1]["Manifest"]["items"][0]["assets"][0]["url"] == build_package_url(tools)
    with pytest.raises(PackageInvalid, match="not for iOS"):
        install_package(tools, device=phone.enrollment.device, actor="tests")
