"""The console's filters of commands for many devices, and of the commands that came of one."""

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _

from devices.models import BulkCommand, Command, CommandState
from organization.forms import ConsoleFilterSet, SearchFilter


class BulkFilter(ConsoleFilterSet):
    q = SearchFilter("name", "actor", placeholder=_("Search command, who…"))

    class Meta:
        model = BulkCommand
        fields: tuple[str, ...] = ()


class BulkRowFilter(ConsoleFilterSet):
    q = SearchFilter("device__name", "device__serial_number", placeholder=_("Search name, serial…"))
    state = django_filters.ChoiceFilter(choices=CommandState, widget=forms.HiddenInput)

    class Meta:
        model = Command
        fields: tuple[str, ...] = ()
