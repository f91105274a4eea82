"""What is asked for a Mac's passwords: those of its firmware, and of its recovery.

Where they are left empty, devices.services.supplies gives what is kept here, or makes one.
"""

from devices.protocol.commands.parameters import SECRET, Parameter

KEPT = "Empty: the one that is kept here."
PASSWORD = Parameter("password", "Password", SECRET, "Password", KEPT, required=True, is_made=True)
CURRENT_PASSWORD = Parameter(
    "current_password", "CurrentPassword", SECRET, "Current password", KEPT
)
NEW_PASSWORD = Parameter(
    "new_password",
    "NewPassword",
    SECRET,
    "New password",
    "Empty: a random one is made. It is kept sealed.",
    required=True,
    is_made=True,
)
