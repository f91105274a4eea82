"""ProfileList: which configuration profiles the device has."""

from devices.protocol.commands.table import Body


def build_profile_list() -> Body:
    """Apple profile.list. ManagedOnly stays away: systems before iOS 13 do not know it."""
    return {"RequestType": "ProfileList"}
