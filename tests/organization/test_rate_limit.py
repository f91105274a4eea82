import pytest

from organization.errors import RateLimited
from organization.services import rate_limit
from organization.services.rate_limit import check_rate


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1_000_000_000.0

    monkeypatch.setattr(rate_limit.time, "time", lambda: Clock.now)
    return Clock


def use(key, times, **limits):
    for _ in range(times):
        check_rate(key, **limits)


def test_tries_are_refused_beyond_the_limit(clock):
    use("door:192.0.2.1", 3, limit=3, seconds=60)
    with pytest.raises(RateLimited) as refusal:
        check_rate("door:192.0.2.1", limit=3, seconds=60)
    assert 0 < refusal.value.retry_after <= 60


def test_another_client_has_its_own_count(clock):
    use("door:192.0.2.1", 3, limit=3, seconds=60)
    use("door:192.0.2.2", 3, limit=3, seconds=60)


def test_the_count_starts_again_after_the_time_it_said(clock):
    use("door:192.0.2.1", 3, limit=3, seconds=60)
    with pytest.raises(RateLimited) as refusal:
        check_rate("door:192.0.2.1", limit=3, seconds=60)
    clock.now += refusal.value.retry_after
    use("door:192.0.2.1", 3, limit=3, seconds=60)


def test_people_still_come_in_when_the_cache_is_gone(settings, clock):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    use("door:192.0.2.1", 5, limit=1, seconds=60)
