"""Fixtures of the SCEP tests: the CA's certificates, profiles of each kind, refusals heard."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests import plain_http

if TYPE_CHECKING:
    from scep.models import IssuedCertificate, ScepProfile
    from tests.scep.renewing import Certify

STATIC_CHALLENGE = "correct horse battery staple"
Ask = Callable[..., Any]


@pytest.fixture
def ra(db: None, bootstrapped: None) -> x509.Certificate:
    """The registration authority's certificate, to encrypt for."""
    from scep.models import ServicePurpose
    from scep.selectors import get_service_identity

    return get_service_identity(ServicePurpose.SCEP_RA).certificate


@pytest.fixture
def chain(ra: x509.Certificate) -> list[x509.Certificate]:
    """RA, issuing CA and root CA, in this order."""
    from scep.selectors import get_certificate, get_issuing_ca, get_root_ca

    return [ra, get_certificate(get_issuing_ca()), get_certificate(get_root_ca())]


@pytest.fixture
def static_profile(ra: x509.Certificate) -> "ScepProfile":
    from scep.services.profiles import create_scep_profile

    return create_scep_profile(
        name="Static",
        challenge_type="static",
        static_challenge=STATIC_CHALLENGE,
        actor="tests",
    )


@pytest.fixture
def legacy_profile(ra: x509.Certificate) -> "ScepProfile":
    from scep.services.profiles import create_scep_profile

    return create_scep_profile(
        name="Legacy",
        challenge_type="static",
        static_challenge=STATIC_CHALLENGE,
        allow_legacy=True,
        actor="tests",
    )


@pytest.fixture
def dynamic_profile(ra: x509.Certificate) -> "ScepProfile":
    from scep.services.profiles import create_scep_profile

    return create_scep_profile(name="Dynamic", challenge_type="dynamic", actor="tests")


@pytest.fixture
def refusals() -> Iterator[list[dict[str, Any]]]:
    """Every scep_request_refused fired during the test."""
    from scep.signals import scep_request_refused

    heard: list[dict[str, Any]] = []

    def listen(sender: object, **news: Any) -> None:
        heard.append(news)

    scep_request_refused.connect(listen)
    yield heard
    scep_request_refused.disconnect(listen)


@pytest.fixture
def ask(client: Any, chain: list[x509.Certificate], refusals: list[dict[str, Any]]) -> Ask:
    """POST a PKIMessage to a profile's endpoint; return the signed Reply."""
    from tests.scep.reply import read_reply

    def post(profile: "ScepProfile", message: bytes) -> Any:
        response = client.post(
            f"/scep/{profile.public_id}?operation=PKIOperation",
            data=message,
            content_type="application/x-pki-message",
        )
        assert response.status_code == 200, response.content
        assert response["Content-Type"] == "application/x-pki-message"
        print("refused:", *(news["message"] for news in refusals))
        return read_reply(response.content, chain=chain)

    return post


@pytest.fixture
def renewable_profile(static_profile: "ScepProfile") -> "ScepProfile":
    """Certificates of this one may be renewed from their first day on."""
    from scep.models import ScepProfile

    ScepProfile.objects.filter(pk=static_profile.pk).update(renewal_days=400)
    static_profile.refresh_from_db()
    return static_profile


@pytest.fixture
def enroll(ra: x509.Certificate, ask: Any) -> "Certify":
    """Enroll the device with the key 0; return its certificate and row."""
    from scep.models import IssuedCertificate
    from tests.scep.device import Device
    from tests.scep.renewing import SESSION
    from tests.scep.reply import decrypt_certificates

    def certify(profile: "ScepProfile") -> tuple[x509.Certificate, "IssuedCertificate"]:
        device = Device(name=SESSION)
        reply = ask(profile, device.build_request(ra=ra, challenge=STATIC_CHALLENGE))
        (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
        row = IssuedCertificate.objects.get(transaction_id=device.transaction_id)
        return leaf, row

    return certify


@pytest.fixture
def ocsp_url(live_server: Any) -> str:
    """Where the issuing CA's OCSP responder listens."""
    from scep.selectors import get_issuing_ca

    return f"{live_server.url}/pki/ocsp/{get_issuing_ca().public_id}"


@pytest.fixture
def post(ocsp_url: str) -> Callable[[bytes], bytes]:
    """POST an OCSP request; the answer is OCSP whatever was asked."""
    from tests.scep.asking import POST

    def send(data: bytes) -> bytes:
        answer = plain_http.post(ocsp_url, content=data, headers=POST, timeout=30)
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "application/ocsp-response",
        )
        return answer.content

    return send
