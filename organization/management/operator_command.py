from django.core.management.base import BaseCommand


class OperatorCommand(BaseCommand):
    """A command for whoever runs a server, who can do nothing about Django's checks of the code.

    They load every view and form, a third of what a small command takes; `make lint` runs them.
    """

    requires_system_checks = ()
