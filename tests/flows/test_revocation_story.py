"""A relying party that knows nothing but a device's certificate and the root CA."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from tests import plain_http
from tests.flows.server import Server, make_token
from tests.scep.relying_party import (
    GOOD,
    REVOKED,
    ask_by_openssl,
    build_awkward_request,
    build_request,
    check_with_lists,
    read_refusal,
    read_statuses,
)
from tests.scep.reply import write_pem
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure

pytestmark = pytest.mark.slow
Enroll = Callable[..., SimulatedDevice]


def find_links(certificate: x509.Certificate) -> dict[str, str]:
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    names = {
        AuthorityInformationAccessOID.OCSP: "ocsp",
        AuthorityInformationAccessOID.CA_ISSUERS: "issuer",
    }
    links = {names[each.access_method]: str(each.access_location.value) for each in access}
    (point,) = points
    assert point.full_name
    return links | {"crl": str(point.full_name[0].value)}


def build_chain(certificate: x509.Certificate, *, server: Server) -> list[x509.Certificate]:
    """The issuing CA by the certificate's link, and the root that people trust."""
    issuer = x509.load_der_x509_certificate(
        plain_http.get(find_links(certificate)["issuer"]).content
    )
    roots = x509.load_pem_x509_certificates(
        plain_http.get(f"{server.base_url}/enroll/ca.pem").content
    )
    return [issuer, next(root for root in roots if root.subject == issuer.issuer)]


def ask_everybody(
    certificate: x509.Certificate, *, chain: list[x509.Certificate], folder: Path
) -> set[str]:
    """GOOD or REVOKED by both lists, by openssl's own download, by OCSP with POST and GET."""
    links = find_links(certificate)
    lists = [plain_http.get(find_links(each)["crl"]).content for each in (certificate, chain[0])]
    found = {
        check_with_lists(certificate, chain=chain, lists=lists, folder=folder, check=check)
        for check in ("-crl_check", "-crl_check_all")
    }
    found.add(_verify_by_download(certificate, chain=chain, folder=folder))
    statuses = {GOOD if text == "OK" else REVOKED for text in found}
    for options in ((), ("-no_nonce",), ("-sha256",)):
        statuses |= set(
            ask_by_openssl(
                [certificate], source=("-url", links["ocsp"]), chain=chain, folder=folder,
                options=options,
            )
        )  # fmt: skip
    text = base64.b64encode(build_request([(certificate, chain[0])])).decode()
    for written in (text, quote(text, safe="")):
        path = folder / "answer.der"
        path.write_bytes(plain_http.get(f"{links['ocsp']}/{written}").content)
        statuses |= set(
            ask_by_openssl(
                [certificate], source=("-respin", str(path)), chain=chain, folder=folder,
                options=("-no_nonce",),
            )
        )  # fmt: skip
    return statuses


def _verify_by_download(
    certificate: x509.Certificate, *, chain: list[x509.Certificate], folder: Path
) -> str:
    """OpenSSL itself finds and fetches the list, if over plain HTTP only."""
    done = subprocess.run(
        [
            "openssl", "verify", "-crl_check", "-crl_download",
            "-CAfile", write_pem(folder, "root.pem", chain[-1]),
            "-untrusted", write_pem(folder, "between.pem", *chain[:-1]),
            write_pem(folder, "subject.pem", certificate),
        ],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 or "certificate revoked" in done.stderr, done.stderr
    return "OK" if done.returncode == 0 else REVOKED


def find_certificate(api: httpx.Client, certificate: x509.Certificate) -> dict[str, Any]:
    rows = api.get("scep/certificates", params={"search": f"{certificate.serial_number:x}"})
    (row,) = rows.raise_for_status().json()["results"]
    found: dict[str, Any] = row
    return found


def test_everybody_hears_of_a_revocation_and_the_device_is_refused(
    server: Server, api: httpx.Client, enroll_device: Enroll, tmp_path: Path
) -> None:
    url = make_token(api)["url"]
    kept, lost = enroll_device(url).certificate, enroll_device(url)
    assert kept is not None
    assert lost.certificate is not None
    chain = build_chain(kept, server=server)
    for certificate in (kept, lost.certificate):
        assert ask_everybody(certificate, chain=chain, folder=tmp_path) == {GOOD}

    row = find_certificate(api, lost.certificate)
    bad = api.post(f"scep/certificates/{row['id']}/revoke", json={"reason": "certificate_hold"})
    assert bad.status_code == 400
    assert ask_everybody(lost.certificate, chain=chain, folder=tmp_path) == {GOOD}
    api.post(
        f"scep/certificates/{row['id']}/revoke", json={"reason": "key_compromise"}
    ).raise_for_status()

    assert ask_everybody(kept, chain=chain, folder=tmp_path) == {GOOD}
    assert ask_everybody(lost.certificate, chain=chain, folder=tmp_path) == {REVOKED}
    device = api.get("devices", params={"search": lost.udid}).json()["results"][0]
    assert device["status"] == "not_managed"
    with pytest.raises(SimulationFailure) as refused:
        lost.connect()
    assert refused.value.status == 403


def test_path_of_a_request_arrives_as_it_was_written(
    server: Server, api: httpx.Client, enroll_device: Enroll
) -> None:
    """Double slashes, plusses, long paths: through the web server that really runs."""
    certificate = enroll_device(make_token(api)["url"]).certificate
    assert certificate is not None
    chain, links = build_chain(certificate, server=server), find_links(certificate)
    request = build_awkward_request(certificate, issuer=chain[0])
    text = base64.b64encode(request).decode()
    for written in (text, quote(text, safe=""), f"/{text}", text.replace("+", "%20")):
        assert read_statuses(plain_http.get(f"{links['ocsp']}/{written}").content) == [GOOD]
    for written in ("", "/", "!", "%00", "%FF", "M" * 20_000, "a/b/../c"):
        answer = plain_http.get(f"{links['ocsp']}/{written}")
        assert answer.status_code == 200
        assert read_refusal(answer.content) == "malformed_request"
    for size in (65537, 1_000_000):
        assert plain_http.post(links["ocsp"], content=bytes(size)).status_code == 413
