"""UserList: who has an account on a Mac or a Shared iPad."""

from devices.protocol.commands.table import Body


def build_user_list() -> Body:
    """Apple user.list; it has no parameters."""
    return {"RequestType": "UserList"}
