"""How a device says no: ErrorChain entries in the form that Apple's clients send."""

from ..profile_check import Plist

MDM_DOMAIN = "MCMDMErrorDomain"
PROFILE_DOMAIN = "MCProfileErrorDomain"
INSTALLATION_DOMAIN = "MCInstallationErrorDomain"


class CommandRefused(Exception):
    """The command ends with Status Error (or another) and this chain."""

    def __init__(self, chain: list[Plist], *, status: str = "Error") -> None:
        super().__init__(chain[0]["USEnglishDescription"])
        self.chain = chain
        self.status = status
        self.extra: Plist = {}


def build_error(text: str, *, code: int, domain: str = MDM_DOMAIN) -> Plist:
    """One entry of an ErrorChain."""
    return {
        "ErrorCode": code,
        "ErrorDomain": domain,
        "LocalizedDescription": text,
        "USEnglishDescription": text,
    }


def refuse(text: str, *, code: int, domain: str = MDM_DOMAIN) -> CommandRefused:
    """The exception for an Error with a chain of one entry."""
    return CommandRefused([build_error(text, code=code, domain=domain)])


def malformed(text: str) -> CommandRefused:
    """The exception for a command whose own keys are missing or of a wrong type."""
    return CommandRefused([build_error(text, code=12021)], status="CommandFormatError")


def require_key(command: Plist, key: str, *, kind: type) -> None:
    """Raises CommandRefused (CommandFormatError) unless the key is of that type."""
    if not isinstance(command.get(key), kind):
        raise malformed(f"{command.get('RequestType')} needs {key} as {kind.__name__}")
