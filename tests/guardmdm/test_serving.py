import os
import socket
import sys

import pytest
from django.core.management import CommandError, call_command

from guardmdm.exclusive import hold_data_folder
from guardmdm.serving import AddressUnclear, build_address, build_environment, build_programs
from tests.services import find_free_port


def read_base_url(host, *, behind_proxy=False, port=8000, **environ):
    address = build_address(host, port=port, behind_proxy=behind_proxy)
    return build_environment(address, environ=environ)["GUARDMDM_BASE_URL"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8123"),
        ("localhost", "http://localhost:8123"),
        ("::1", "http://[::1]:8123"),
        ("192.0.2.7", "https://192.0.2.7:8123"),
        ("mdm.example.com", "https://mdm.example.com:8123"),
    ],
)
def test_the_base_url_follows_host_and_port(host, url):
    assert read_base_url(host, port=8123) == url


def test_a_given_base_url_stays():
    given = {"GUARDMDM_BASE_URL": "https://mdm.example.com"}
    assert read_base_url("0.0.0.0", **given) == "https://mdm.example.com"


@pytest.mark.parametrize(("host", "behind_proxy"), [("0.0.0.0", False), ("10.0.0.1", True)])
def test_the_start_is_refused_when_nobody_says_what_devices_use(host, behind_proxy):
    with pytest.raises(AddressUnclear, match="GUARDMDM_BASE_URL"):
        read_base_url(host, behind_proxy=behind_proxy)


def test_only_a_server_that_others_reach_speaks_tls():
    assert not build_address("127.0.0.1", port=1, behind_proxy=False).uses_tls
    assert not build_address("0.0.0.0", port=1, behind_proxy=True).uses_tls
    assert build_address("0.0.0.0", port=1, behind_proxy=False).uses_tls


def test_the_web_process_writes_no_access_log():
    address = build_address("127.0.0.1", port=1, behind_proxy=False)
    web, *_ = build_programs(address, workers=2, tls_files=None)
    assert "--no-access-log" in web.arguments


@pytest.mark.parametrize(("command", "remedy"), [("serve", "--port"), ("demo", "PORT=")])
def test_nothing_is_started_where_another_program_listens(command, remedy):
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(CommandError, match="Address already in use") as refusal,
    ):
        call_command(command, port=other.getsockname()[1])
    assert remedy in str(refusal.value)
    if sys.platform == "linux":  # elsewhere nothing tells without a program of its own
        assert f"process {os.getpid()} listens there" in str(refusal.value)
    for port in (0, 70_000):
        with pytest.raises(CommandError, match=f"no port {port}"):
            call_command(command, port=port)


@pytest.mark.parametrize("host", ["", "nope.invalid", "192.0.2.1"])
def test_the_host_is_asked_for_when_it_is_none_of_this_machine(host):
    with pytest.raises(CommandError, match="--host takes") as refusal:
        call_command("serve", host=host, port=find_free_port())
    assert "--port" not in str(refusal.value)


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_nothing_is_started_where_another_server_has_the_data_folder(command, settings, tmp_path):
    settings.CELERY_BROKER_URL, settings.DATA_DIR = "filesystem://", tmp_path
    with hold_data_folder(), pytest.raises(CommandError, match="GUARDMDM_DATA_DIR"):
        call_command(command, port=find_free_port())
    assert [path.name for path in tmp_path.iterdir()] == ["serve.lock"]
    with hold_data_folder():
        settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
        with hold_data_folder():
            pass
