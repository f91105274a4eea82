"""RotateFileVaultKey: another recovery key, which comes encrypted to our certificate."""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.parameters import DATA, SECRET, TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import MACOS

ROTATE_FILEVAULT_KEY = CommandType(
    "RotateFileVaultKey",
    "Rotate the FileVault recovery key",
    Kind.SECURITY,
    {MACOS: Needs("10.9", LOCK)},
    (
        Parameter(
            "key_type",
            "KeyType",
            TEXT,
            "Key",
            required=True,
            choices=(("personal", "Personal"), ("institutional", "Institutional")),
        ),
        Parameter(
            "password",
            "FileVaultUnlock.Password",
            SECRET,
            "Password of a FileVault user",
            "Or the recovery key. Empty: the recovery key that is kept here.",
            required=True,
            is_made=True,
        ),
        Parameter(
            "new_certificate",
            "NewCertificate",
            DATA,
            "New institutional certificate",
            "DER; for an institutional key.",
        ),
        Parameter(
            "reply_encryption_certificate",
            "ReplyEncryptionCertificate",
            DATA,
            "Certificate for the answer",
            is_supplied=True,
        ),
    ),
    note="The new personal key comes encrypted and is kept sealed.",
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
