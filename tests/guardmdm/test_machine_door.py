"""Devices' shorter way into Django answers as the usual one does."""

import io
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError, connection

from guardmdm import views
from guardmdm.machine_door import MachineDoor
from scep.models import CertificateStatus, IssuedCertificate, ServicePurpose
from scep.selectors import get_service_identity
from scep.services.profiles import create_scep_profile
from tests.scep.device import Device

# Both ways close connections that are in a transaction, as one of the tests would be.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def profile(bootstrapped):
    return create_scep_profile(
        name="Static", challenge_type="static", static_challenge="a long secret", actor="tests"
    )


@pytest.fixture(scope="module")
def doors():
    """The shorter way, which must not need the usual one, and the usual one."""

    def refuse(environ, start_response):
        pytest.fail(f"{environ['PATH_INFO']} went to Django's handler")

    return MachineDoor(refuse), WSGIHandler()


def ask(application, path, *, method="GET", query="", body=b""):
    """Return status, headers and body of the application's answer."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.input": io.BytesIO(body),
    }
    setup_testing_defaults(environ)
    said = []
    answer = application(environ, lambda status, headers: said.append((status, headers)))
    content = b"".join(answer)
    getattr(answer, "close", int)()
    ((status, headers),) = said
    return status, sorted(headers), content


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/healthz", {}),
        ("/readyz", {}),
        ("/scep/{profile}", {"query": "operation=GetCACaps"}),
        ("/scep/{profile}", {"query": "operation=GetCACert"}),
        ("/scep/{profile}", {"query": "operation=Unknown"}),
        ("/scep/{profile}", {"query": "operation=PKIOperation", "method": "POST", "body": b"no"}),
        ("/scep/{profile}", {"method": "PUT"}),
        ("/scep/scep_unknown", {"query": "operation=GetCACaps"}),
        ("/pki/ca/{authority}.cer", {}),
        ("/pki/crl/{authority}.crl", {}),
        ("/mdm/connect", {"method": "PUT", "body": b"<plist/>"}),
        ("/mdm/checkin", {"method": "PUT", "body": b"<plist/>"}),
        ("/mdm/connect", {}),
    ],
)
def test_answer_is_the_same_on_both_ways(doors, profile, path, options):
    path = path.format(profile=profile.public_id, authority=profile.issuing_ca.public_id)
    short, usual = (ask(door, path, **options) for door in doors)
    assert short == usual


def test_certificate_is_issued_when_a_device_takes_the_shorter_way(doors, profile):
    ra = get_service_identity(ServicePurpose.SCEP_RA).certificate
    status, headers, _ = ask(
        doors[0],
        f"/scep/{profile.public_id}",
        query="operation=PKIOperation",
        method="POST",
        body=Device().build_request(ra=ra, challenge="a long secret"),
    )
    assert status == "200 OK"
    assert ("Content-Type", "application/x-pki-message") in headers
    assert IssuedCertificate.objects.get().status == CertificateStatus.ISSUED


def test_outage_is_answered_alike_when_the_database_is_away(doors, monkeypatch, caplog):
    def refuse():
        raise OperationalError("connection refused")

    monkeypatch.setattr(views, "get_issuing_ca", refuse)
    short, usual = (ask(door, "/readyz") for door in doors)
    assert short == usual
    assert short[0] == "503 Service Unavailable"
    assert caplog.text.count("no database") == 2


def test_defect_is_answered_alike_when_a_view_fails(doors, monkeypatch, caplog):
    monkeypatch.setattr(views, "count_missing_migrations", lambda: 1 / 0)
    short, usual = (ask(door, "/readyz") for door in doors)
    assert short == usual
    assert short[0] == "500 Internal Server Error"
    assert caplog.text.count("ZeroDivisionError") == 2


@pytest.mark.parametrize("path", ["/accounts/login/", "/nowhere", "/scep/", "/scep/\xe4"])
def test_others_are_answered_by_django(path):
    usual = WSGIHandler()
    assert ask(MachineDoor(usual), path)[0] == ask(usual, path)[0]


def test_broken_connection_is_replaced_when_a_request_has_met_it(doors, bootstrapped):
    connection.ensure_connection()
    connection.connection.close()
    ask(doors[0], "/readyz")
    assert ask(doors[0], "/readyz")[0] == "200 OK"


def test_connection_is_looked_at_when_a_view_is_broken_off(doors, monkeypatch):
    def stop():
        connection.ensure_connection()
        raise KeyboardInterrupt

    monkeypatch.setattr(views, "get_issuing_ca", stop)
    with pytest.raises(KeyboardInterrupt):
        ask(doors[0], "/readyz")
    assert connection.connection is None  # here, connections are closed after each request
