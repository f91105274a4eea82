import pytest
from django.db import InterfaceError, OperationalError, connection
from kombu.exceptions import OperationalError as BrokerError

from guardmdm import readiness, views
from guardmdm.middleware import DatabaseOutage
from organization.models import Organization
from scep.models import CertificateAuthority


class Unreachable:
    """Stands for a database that refuses every statement."""

    def __call__(self, execute, sql, params, many, context):
        raise OperationalError("connection refused")


def test_alive_needs_no_database(client):
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_ready_when_everything_is_there(client):
    answer = client.get("/readyz")
    assert (answer.status_code, set(answer.json().values())) == (200, {"ok"})


@pytest.mark.django_db
def test_not_ready_when_the_database_is_away(client):
    with connection.execute_wrapper(Unreachable()):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "unreachable (OperationalError)"
    assert answer.json()["broker"] == "ok"


@pytest.mark.django_db
def test_not_ready_when_the_broker_is_away(client, monkeypatch):
    def fail():
        raise BrokerError("connection refused")

    monkeypatch.setattr(views, "reach_broker", fail)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["broker"] == "unreachable (OperationalError)"


@pytest.mark.django_db
def test_not_ready_before_the_first_time_set_up(client):
    CertificateAuthority.objects.update(state="retired")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "bootstrap" in answer.json()["set_up"]


@pytest.mark.django_db
def test_not_ready_while_migrations_are_missing(client, monkeypatch):
    monkeypatch.setattr(views, "count_missing_migrations", lambda: 1)
    assert client.get("/readyz").json()["database"] == "migrations are missing"
    assert readiness.count_missing_migrations() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/enroll/ca.pem"),
        ("get", f"/scep/scep_{20 * 'a'}?operation=GetCACaps"),
        ("get", "/accounts/login/"),
    ],
)
def test_a_door_says_come_again_when_the_database_is_away(client, method, path):
    client.raise_request_exception = False
    with connection.execute_wrapper(Unreachable()):
        answer = getattr(client, method)(path)
    # The sign-in page needs no database; it must simply not break.
    if path != "/accounts/login/":
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
    assert answer.status_code != 500


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
def test_an_outage_is_told_from_a_programming_error(rf, error):
    request = rf.put("/mdm/connect")
    assert DatabaseOutage.process_exception(request, error).status_code == 503
    assert DatabaseOutage.process_exception(request, ValueError("bug")) is None


@pytest.mark.django_db
def test_the_fixture_sets_up_one_organization():
    assert Organization.objects.count() == 1
