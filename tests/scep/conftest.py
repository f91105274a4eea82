"""Fixtures of the SCEP tests: the CA's certificates, profiles of each kind, refusals heard."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

if TYPE_CHECKING:
    from scep.models import ScepProfile

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
