"""The steps of an enrollment in their order, from the page to the last setting."""

from enum import StrEnum


class StepKind(StrEnum):
    """What is recorded of a session; the words of Apple and RFC 8894 where they have one.

    PAGE_OPENED is the person's press of the button: that a link's page was shown tells nothing,
    since chats and mail filters fetch every link. FIRST_COMMAND is the device's first message to
    the connect URL. INSTALLATION is never recorded: it is the person's part in Settings, of which
    nothing is heard but what follows.
    """

    PAGE_OPENED = "page_opened"
    PROFILE_DOWNLOADED = "profile_downloaded"
    INSTALLATION = "installation"
    PROFILE_SERVICE_2 = "profile_service_2"
    GET_CA_CAPS = "get_ca_caps"
    GET_CA_CERT = "get_ca_cert"
    PKI_OPERATION = "pki_operation"
    PROFILE_SERVICE_3 = "profile_service_3"
    AUTHENTICATE = "authenticate"
    TOKEN_UPDATE = "token_update"  # noqa: S105 - Apple's word, no secret
    FIRST_COMMAND = "first_command"
    ITEMS_APPLIED = "items_applied"


SCEP_STEPS = (StepKind.GET_CA_CAPS, StepKind.GET_CA_CERT, StepKind.PKI_OPERATION)
