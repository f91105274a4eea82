import pytest

from organization.errors import RateLimited
from organization.services.rate_limit import check_rate


def use(key, times, **limits):
    for _ in range(times):
        check_rate(key, **limits)


def test_tries_are_refused_beyond_the_limit():
    use("door:192.0.2.1", 3, limit=3, seconds=60)
    with pytest.raises(RateLimited) as refusal:
        check_rate("door:192.0.2.1", limit=3, seconds=60)
    assert 0 < refusal.value.retry_after <= 60


def test_another_client_has_its_own_count():
    use("door:192.0.2.1", 3, limit=3, seconds=60)
    use("door:192.0.2.2", 3, limit=3, seconds=60)


def test_the_count_starts_again_after_the_time_it_said(rate_limit_clock):
    use("door:192.0.2.1", 3, limit=3, seconds=60)
    with pytest.raises(RateLimited) as refusal:
        check_rate("door:192.0.2.1", limit=3, seconds=60)
    rate_limit_clock.now += refusal.value.retry_after
    use("door:192.0.2.1", 3, limit=3, seconds=60)


def test_people_still_come_in_when_the_cache_is_gone(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    use("door:192.0.2.1", 5, limit=1, seconds=60)
