"""GetToken: none of Apple's two services can be served here."""

from typing import NoReturn

from devices.errors import MessageUnknown
from devices.protocol.checkin import GetToken


def refuse_token(message: GetToken) -> NoReturn:
    """Raises MessageUnknown: Apple wants 400 for a service that a server does not know.

    `com.apple.maid` needs the server's entry in Apple Business Manager, and its key;
    `com.apple.watch.pairing` needs watches. The profile does not announce com.apple.mdm.token.
    """
    raise MessageUnknown(f"TokenServiceType {message.service_type[:64]!r} is not served")
