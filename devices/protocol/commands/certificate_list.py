"""CertificateList: every certificate that profiles have brought."""

from devices.protocol.access_rights import INSPECT
from devices.protocol.commands.parameters import FLAG, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS

CERTIFICATE_LIST = CommandType(
    "CertificateList",
    "Ask for its certificates",
    Kind.INFORMATION,
    {IOS: Needs("4.0", INSPECT), MACOS: Needs("10.7", INSPECT)},
    (
        Parameter(
            "managed_only",
            "ManagedOnly",
            FLAG,
            "Only managed ones",
            on={IOS: "13.0", MACOS: "10.15"},
        ),
    ),
    is_unique=True,
)


def build_certificate_list(*, managed_only: bool = False) -> Body:
    """Ask for every certificate, or for those that this server has installed; certificate.list."""
    body: Body = {"RequestType": "CertificateList"}
    return body | {"ManagedOnly": True} if managed_only else body
