"""Who holds the device: the person whom an invitation or a sign-in names."""

from dataclasses import dataclass

MAX_NAME, MAX_EMAIL = 200, 200


@dataclass(frozen=True)
class Person:
    """`subject` is what an identity provider calls this person for ever; "" = not signed in."""

    name: str = ""
    email: str = ""
    subject: str = ""

    @property
    def owner(self) -> str:
        """What a device's owner is: the address, else the name, else the subject."""
        return (self.email or self.name or self.subject)[:MAX_NAME]
