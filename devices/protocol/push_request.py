"""PushCertificateRequest: a CSR that an MDM vendor has signed, as Apple's portal wants it.

Source: Apple, "Setting Up Push Notifications for Your MDM Customers": a property list in base64
with the CSR, the vendor's signature over it and the vendor's chain.
"""

import base64
import plistlib
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from devices.errors import VendorCertificateInvalid
from scep.errors import BundleInvalid
from scep.protocol.certificate_bundle import CertificateBundle, read_bundle


def decode_vendor_identity(
    data: bytes, *, key: bytes | None, password: str, now: datetime
) -> CertificateBundle:
    """Read an MDM vendor certificate, its RSA key and its chain up to Apple's root.

    The arguments are those of scep.protocol.certificate_bundle. Raises VendorCertificateInvalid.
    """
    try:
        vendor = read_bundle(data, key=key, password=password)
    except BundleInvalid as error:
        raise VendorCertificateInvalid(str(error)) from error
    if not isinstance(vendor.key, rsa.RSAPrivateKey):
        raise VendorCertificateInvalid("An MDM vendor's key is an RSA key.")
    if not vendor.above:
        raise VendorCertificateInvalid("The certificate is self-signed: Apple has not issued it.")
    valid = vendor.certificate.not_valid_before_utc <= now < vendor.certificate.not_valid_after_utc
    if not valid:
        raise VendorCertificateInvalid("The vendor certificate is not valid now.")
    return vendor


def build_push_request(csr: bytes, *, vendor: CertificateBundle) -> bytes:
    """Return the PushCertificateRequest for a CSR (PEM): the text of the file to be uploaded."""
    der = x509.load_pem_x509_csr(csr).public_bytes(Encoding.DER)
    if not isinstance(vendor.key, rsa.RSAPrivateKey):
        raise VendorCertificateInvalid("An MDM vendor's key is an RSA key.")
    signature = vendor.key.sign(der, padding.PKCS1v15(), hashes.SHA256())
    chain = [vendor.certificate, *vendor.above]
    request = {
        "PushCertRequestCSR": base64.b64encode(der).decode(),
        "PushCertSignature": base64.b64encode(signature).decode(),
        "PushCertCertificateChain": "".join(
            each.public_bytes(Encoding.PEM).decode() for each in chain
        ),
    }
    return base64.b64encode(plistlib.dumps(request))
