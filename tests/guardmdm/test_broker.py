"""The embedded broker with real files and processes' worth of threads."""

import resource
import threading

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.transport.virtual import BrokerState

from guardmdm import celery
from guardmdm.broker import Transport
from organization.protocol.sealing import decode_key_ring, generate_key
from tests.services import ServiceMissing, run_redis

MESSAGES = 60


@pytest.fixture
def connect(tmp_path, monkeypatch):
    folders = {"data_folder_in": tmp_path / "queue", "data_folder_out": tmp_path / "queue"}
    for folder in (tmp_path / "queue", tmp_path / "control"):
        folder.mkdir()
    options = {name: str(folder) for name, folder in folders.items()}
    options["control_folder"] = str(tmp_path / "control")
    # kombu remembers for the whole process which queues there are, whatever the folder.
    monkeypatch.setattr(Transport, "global_state", BrokerState())
    return lambda: Connection(transport="guardmdm.broker:Transport", transport_options=options)


def publish(connect, numbers):
    with connect() as connection, connection.SimpleQueue("work") as queue:
        for number in numbers:
            queue.put({"number": number})


def consume(connect, taken, writers=()):
    """Until nothing is left and nobody writes any more."""
    with connect() as connection, connection.SimpleQueue("work") as queue:
        while True:
            is_all_there = not any(writer.is_alive() for writer in writers)
            try:
                message = queue.get(timeout=1)
            except queue.Empty:
                if is_all_there:
                    return
                continue
            taken.append(message.payload["number"])
            message.ack()


def test_each_message_is_taken_once_when_many_write_and_read(connect, tmp_path):
    taken: list[int] = []
    writers = [
        threading.Thread(target=publish, args=(connect, range(start, MESSAGES, 3)))
        for start in range(3)
    ]
    readers = [threading.Thread(target=consume, args=(connect, taken, writers)) for _ in range(2)]
    for thread in [*writers, *readers]:
        thread.start()
    for thread in [*writers, *readers]:
        thread.join()
    assert sorted(taken) == list(range(MESSAGES))
    assert list((tmp_path / "queue").iterdir()) == []


def test_messages_come_in_the_order_in_which_they_were_sent(connect):
    taken: list[int] = []
    publish(connect, range(3))
    consume(connect, taken)
    assert taken == [0, 1, 2]


def test_a_lost_broker_fails_no_request_and_is_not_asked_again_at_once(monkeypatch):
    asked = []

    def fail(*args, **options):
        asked.append(args)
        raise OperationalError("connection refused")

    monkeypatch.setattr("celery.app.task.Task.apply_async", fail)
    monkeypatch.setattr(celery.SweptTask, "_broker_down_until", 0.0)

    @celery.app.task(name="tests.swept")
    def swept(pk):
        raise AssertionError("not run here")

    assert swept.delay(1) is None
    assert swept.delay(2) is None
    assert len(asked) == 1


@pytest.mark.parametrize("left", [b"", b'{"body": "', b"\xff"])
def test_those_behind_it_arrive_when_a_message_is_damaged(connect, tmp_path, left):
    publish(connect, [1, 2])
    first, _ = sorted((tmp_path / "queue").iterdir())
    first.write_bytes(left)
    taken: list[int] = []
    consume(connect, taken)
    assert taken == [2]
    assert list((tmp_path / "queue").iterdir()) == []


@pytest.mark.parametrize("left", ["", "["])
def test_messages_arrive_when_a_full_disk_has_cut_the_bindings(connect, tmp_path, left):
    publish(connect, [1])
    [table] = (tmp_path / "control").glob("*.exchange")
    table.write_text(left)
    Transport.global_state.clear()  # a process that starts anew
    taken: list[int] = []
    publish(connect, [2])
    consume(connect, taken)
    assert taken == [1, 2]


def test_no_draft_stays_when_a_message_cannot_be_written(connect, tmp_path):
    """A limit of this process cuts it, as a full disk does."""
    with connect() as connection, connection.SimpleQueue("work") as queue:
        queue.put({"number": 1})
        for message in (tmp_path / "queue").iterdir():
            message.unlink()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        try:
            with pytest.raises(OSError):
                queue.put({"number": 2})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list((tmp_path / "queue").iterdir()) == []


def test_the_broker_is_out_of_reach_when_its_bindings_cannot_be_opened(connect, tmp_path):
    (tmp_path / "control" / "work.exchange").mkdir()
    with pytest.raises(OSError, match="bindings"):
        publish(connect, [1])


def test_two_servers_on_one_redis_take_their_own_tasks_only(tmp_path, settings):
    try:
        with run_redis(tmp_path) as url:
            settings.CELERY_BROKER_URL = url
            first, second = (_connect_with_keys(url, settings) for _ in range(2))
            publish(first, range(2))
            publish(second, range(7, 9))
            taken: dict[str, list[int]] = {"first": [], "second": []}
            consume(second, taken["second"])
            consume(first, taken["first"])
    except ServiceMissing as missing:
        pytest.skip(str(missing))
    assert taken == {"first": [0, 1], "second": [7, 8]}


def _connect_with_keys(url, settings):
    """Connect as a server with encryption keys of its own does."""
    settings.GUARDMDM_KEY_RING = decode_key_ring(generate_key())
    options = celery._transport_options()
    return lambda: Connection(url, transport_options=options)


def test_a_server_keeps_its_tasks_when_a_key_is_added():
    old, new = generate_key(), generate_key()
    before, during = decode_key_ring(old), decode_key_ring(f"{new},{old}")
    assert before.name == during.name != decode_key_ring(new).name
