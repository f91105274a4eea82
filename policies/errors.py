"""What can go wrong with policies and the things in them."""


class ProfileInvalid(ValueError):
    """An uploaded file is not a configuration profile that this server can hand on."""

    field = "profile"  # as programs name it


class ItemInvalid(ValueError):
    """An item cannot be what was asked for; `field` names the input at fault."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class PolicyInvalid(ValueError):
    """A policy cannot be what was asked for; `field` names the input at fault."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NothingToRetry(Exception):
    """The item is done on the device, on its way to it, or gone."""


class PackageInvalid(ValueError):
    """An uploaded file is no app or package that devices would take from this server; `field` names
    the input at fault where it is another.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class PackageTooLarge(PackageInvalid):
    """It is larger than what is taken, or than what the disk has room for; answered with 413."""


class PackageInUse(Exception):
    """Policies still install the package."""


class RangeNotSatisfiable(ValueError):
    """The asked bytes are behind the file's end; answered with 416."""
