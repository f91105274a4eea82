"""What tests of renewals do: ask for a successor, and see that there is none."""

from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from scep.models import (
    IssuedCertificate,
    ScepProfile,
)
from tests.scep.device import (
    Device,
    make_key,
)

BAD_ALG, BAD_MESSAGE_CHECK, BAD_REQUEST, BAD_TIME = "0", "1", "2", "3"
SESSION = "ses_" + "g" * 20
Certify = Callable[[ScepProfile], tuple[x509.Certificate, IssuedCertificate]]


def renew(
    ask: Any,
    profile: ScepProfile,
    *,
    ra: x509.Certificate,
    old: x509.Certificate,
    key: rsa.RSAPrivateKey | None = None,
    **options: Any,
) -> Any:
    """Ask for a certificate of the key 1 in exchange for `old`, whose key is the key 0."""
    device = Device(key=make_key(1))
    return ask(profile, device.build_renewal(ra=ra, old=old, old_key=key or make_key(), **options))


def assert_not_renewed(reply: Any, *, fail_info: str = BAD_REQUEST) -> None:
    assert (reply.status, reply.fail_info) == ("2", fail_info)
    assert not IssuedCertificate.objects.filter(renews__isnull=False).exists()
