"""CertificateList: which certificates the device has."""

from devices.protocol.commands.table import Body


def build_certificate_list(*, managed_only: bool = False) -> Body:
    """Ask for every certificate, or for those that this server has installed; certificate.list."""
    body: Body = {"RequestType": "CertificateList"}
    return body | {"ManagedOnly": True} if managed_only else body
