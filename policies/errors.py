"""What can go wrong with policies and the things in them."""


class ProfileInvalid(ValueError):
    """An uploaded file is not a configuration profile that this server can hand on."""


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
