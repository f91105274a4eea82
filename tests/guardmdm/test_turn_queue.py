"""The queue for turns by itself: nobody is forgotten, no turn is lost, nobody is overtaken."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest

from guardmdm import turns


@pytest.fixture
def queue():
    return turns._Queue(2)


def test_whoever_came_first_is_served_first_also_when_the_first_request_is_a_long_one(
    queue, monkeypatch
):
    monkeypatch.setattr(turns, "SHORT_SECONDS", 0.4)
    long = queue.take()
    served = []

    def work(name):
        lent = queue.take()
        served.append(name)
        time.sleep(0.3)
        queue.give(lent)

    with ThreadPoolExecutor(2) as pool:
        time.sleep(0.2)
        pool.submit(work, "early")
        while not (queue._waiting or served):
            time.sleep(0.001)
        time.sleep(0.3)  # the long one has now taken its time, and the early one has not waited it
        pool.submit(work, "late")
    queue.give(long)
    assert served == ["early", "late"]


def test_a_crowd_is_served_whole_and_every_turn_comes_back(queue):
    at_work: list[int] = []
    most, lock = [0], Lock()

    def work(number):
        dice = random.Random(number)
        for _ in range(8):
            lent = queue.take()
            with lock:
                at_work.append(id(lent))
                most[0] = max(most[0], len(at_work))
                assert len(at_work) == len({*at_work}), "one turn for two"
            time.sleep(dice.choice([0, 0, 0.0005, 0.001, 0.002, 0.021]))
            with lock:
                at_work.remove(id(lent))
            queue.give(lent)
            time.sleep(dice.choice([0, 0.005]))

    with ThreadPoolExecutor(100) as pool:
        done = [pool.submit(work, number) for number in range(100)]
        for each in done:
            each.result(timeout=60)
    assert most[0] == 2
    for _ in range(2):  # both are free
        queue.take()


def test_the_next_one_is_called_as_soon_as_a_request_only_waits(queue, monkeypatch):
    monkeypatch.setattr(turns, "SHORT_SECONDS", 60)
    waits_for_disk = queue.take()
    with ThreadPoolExecutor(1) as pool:
        nexts_turn = pool.submit(queue.take)
        time.sleep(0.2)
        assert not nexts_turn.done()
        queue.let_next(waits_for_disk)
        assert nexts_turn.result(timeout=30) is not waits_for_disk
    queue.give(waits_for_disk)
