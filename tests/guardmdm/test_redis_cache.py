"""The cache while Redis is out of reach: sign-ins, their limits, and nobody who waits for it."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client

from guardmdm import redis_cache
from guardmdm.redis_cache import EnduringRedisCache
from organization.errors import RateLimited
from organization.models import Role
from organization.services.administrators import create_administrator
from organization.services.rate_limit import check_rate
from tests.services import Redis, ServiceMissing, find_free_port

PASSWORD = "correct horse battery staple"


def use(settings, port):
    LocMemCache(redis_cache.OWN, {}).clear()
    EnduringRedisCache._away_until = 0.0
    settings.CACHES = {
        "default": {
            "BACKEND": "guardmdm.redis_cache.EnduringRedisCache",
            "LOCATION": f"redis://127.0.0.1:{port}/1",
            "KEY_PREFIX": "tests",
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    }


@pytest.fixture
def nobody(settings):
    """No Redis listens."""
    use(settings, find_free_port())


def sign_in(password):
    client = Client(raise_request_exception=False)
    return client.post("/accounts/login/", {"login": "ada@example.org", "password": password})


@pytest.mark.django_db
def test_administrators_sign_in_and_passwords_are_not_tried_without_end(nobody, bootstrapped):
    create_administrator("ada@example.org", role=Role.ADMINISTRATOR, password=PASSWORD)
    assert sign_in(PASSWORD).status_code == 302
    answers = [sign_in("wrong") for _ in range(30)]
    assert all(answer.status_code < 500 for answer in answers)
    assert sign_in(PASSWORD).status_code != 302


def test_limits_hold_in_each_process(nobody):
    for _ in range(3):
        check_rate("door:192.0.2.1", limit=3, seconds=60)
    with pytest.raises(RateLimited):
        check_rate("door:192.0.2.1", limit=3, seconds=60)


def count_connections(listener):
    """How many were opened to it; it answers none of them."""
    listener.setblocking(False)
    count = 0
    try:
        while True:
            listener.accept()[0].close()
            count += 1
    except BlockingIOError:
        return count


def test_only_the_first_request_waits_for_a_redis_that_does_not_answer(settings):
    """Nor do the others of its process, each of which has a thread and a cache of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        use(settings, silent.getsockname()[1])
        cache.set("a", 1)  # waits for a second
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(cache.get, ["a"] * 20)) == [1] * 20
        assert count_connections(silent) == 1


def test_one_request_tries_whether_redis_is_back_when_the_pause_is_over(settings, monkeypatch):
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        use(settings, silent.getsockname()[1])
        cache.set("a", 1)
        monkeypatch.setattr(EnduringRedisCache, "_away_until", 1.0)  # long ago
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(cache.get, ["a"] * 20)) == [1] * 20
        assert count_connections(silent) == 2


def test_redis_is_used_again_once_it_is_back(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(redis_cache, "PAUSE_SECONDS", 0)
    try:
        redis = Redis(tmp_path)
    except ServiceMissing as missing:
        pytest.skip(str(missing))
    use(settings, redis.port)
    redis.start()
    try:
        assert cache.add("a", 1)
        assert cache.incr("a") == 2
        redis.stop()
        assert cache.get("a") is None
        assert cache.set_many({"b": 1, "c": 2}) == []
        assert cache.get_many(["b", "c"]) == {"b": 1, "c": 2}
        redis.start()
        cache.set("a", 5)
        assert (cache.get("a"), cache.get("b")) == (5, None)
        assert "a" in cache
        cache.delete_many(["a"])
        assert "a" not in cache
    finally:
        redis.stop()
