"""The console's forms of commands: fields from the table of what each one is told."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from devices.errors import CommandInvalid
from devices.models import Device, Platform
from devices.protocol.commands import CommandType, Parameter, ParameterType
from devices.protocol.commands.parameters import MAX_DICTIONARY
from devices.services.raw_commands import MAX_RAW_COMMAND, decode_raw_command, find_raw_kind
from organization.forms import ConsoleForm, LinesField

CONFIRMATION = "confirmation"
UNCHANGED = _("As it is")


class CommandForm(ConsoleForm):
    """What one command is told: a field for each parameter that the device's platform knows.

    Without a device it is for many of them, and has the parameters of every platform.
    """

    def __init__(
        self, *args: Any, kind: CommandType, row: Device | None = None, **options: Any
    ) -> None:
        super().__init__(*args, row=row, **options)
        self.needed = {parameter.name for parameter in kind.asked if parameter.required}
        for parameter in kind.asked:
            platform = row.platform if row else Platform.OTHER
            if parameter.exists_on(platform):
                self.fields[parameter.name] = build_field(
                    parameter, platform=platform, may_stay=bool(kind.item)
                )
        if row is not None and kind.is_destructive:
            self.fields[CONFIRMATION] = ConfirmationField(row)

    def read_row(self, row: Any) -> dict[str, Any]:
        return {}

    def get_parameters(self) -> dict[str, Any]:
        """Return what was filled in; a field left empty, or a box left blank, says nothing."""
        given = {name: value for name, value in self.cleaned_data.items() if name != CONFIRMATION}
        return {name: value for name, value in given.items() if not self._is_unsaid(name, value)}

    def _is_unsaid(self, name: str, value: Any) -> bool:
        if value is False:
            return name not in self.needed and isinstance(self.fields[name], forms.BooleanField)
        return value is None or value == "" or value == []


class RawCommandForm(ConsoleForm):
    """A command as a property list; one that destroys something is confirmed like its form's."""

    file = forms.FileField(label=_("Property list"), required=False)
    text = forms.CharField(
        label=_("Or its text"),
        required=False,
        max_length=MAX_RAW_COMMAND,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, row: Device, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.fields[CONFIRMATION] = ConfirmationField(row, required=False)
        self.fields[CONFIRMATION].help_text = _("Only for commands that cannot be undone.")

    def read_row(self, row: Any) -> dict[str, Any]:
        return {}

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        upload = values.get("file")
        if bool(upload) == bool(values.get("text")):
            raise forms.ValidationError(_("A file or a text, please."))
        if upload and upload.size > MAX_RAW_COMMAND:
            raise forms.ValidationError(_("The file is too large."))
        values["command"] = upload.read() if upload else values["text"].encode()
        self._check_confirmed(values)
        return values

    def _check_confirmed(self, values: dict[str, Any]) -> None:
        try:
            kind = find_raw_kind(decode_raw_command(values["command"]))
        except CommandInvalid as error:
            raise forms.ValidationError(str(error)) from error
        is_confirmed = CONFIRMATION in self.errors or values.get(CONFIRMATION)
        if kind is not None and kind.is_destructive and not is_confirmed:
            self.add_error(CONFIRMATION, _("This command cannot be undone: confirm it."))


class ConfirmationField(forms.CharField):
    """The serial number of the device, typed."""

    def __init__(self, device: Device, *, required: bool = True) -> None:
        self.expected = device.serial_number or device.udid
        attributes = {"autocomplete": "off", "spellcheck": "false"}
        super().__init__(
            label=_("Type the serial number to confirm"),
            required=required,
            help_text=self.expected,
            widget=forms.TextInput(attrs=attributes),
        )

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if text and text.upper() != self.expected.upper():
            raise forms.ValidationError(_("That is not this device's serial number."))
        return text


class BytesField(forms.FileField):
    """A file's bytes."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload = super().clean(data, initial)
        if upload and upload.size > MAX_RAW_COMMAND:
            raise forms.ValidationError(_("The file is too large."))
        return upload.read() if upload else None


def build_field(parameter: Parameter, *, platform: str, may_stay: bool) -> forms.Field:
    """Return the field of a parameter; an optional flag that `may_stay` can also be left alone."""
    options: dict[str, Any] = {
        "label": parameter.label,
        "help_text": parameter.help,
        "required": parameter.is_asked_for,
    }
    if parameter.choices and parameter.type is ParameterType.TEXTS:
        return forms.MultipleChoiceField(
            choices=parameter.list_choices(platform),
            widget=forms.CheckboxSelectMultiple,
            **options,
        )
    if parameter.choices:
        empty = [] if parameter.is_asked_for else [("", UNCHANGED if may_stay else "—")]
        coerce = type(parameter.choices[0][0])
        return forms.TypedChoiceField(
            choices=[*empty, *parameter.list_choices(platform)],
            coerce=coerce,
            empty_value="",
            **options,
        )
    if parameter.type is ParameterType.FLAG:
        return _build_flag(parameter, may_stay=may_stay, options=options)
    return FIELDS[parameter.type](parameter, options)


def _build_flag(parameter: Parameter, *, may_stay: bool, options: dict[str, Any]) -> forms.Field:
    if may_stay and not parameter.required:
        choices = (("", UNCHANGED), ("on", _("On")), ("off", _("Off")))
        return forms.TypedChoiceField(
            choices=choices, coerce=lambda value: value == "on", empty_value=None, **options
        )
    return forms.BooleanField(**options | {"required": False})


def _build_text(parameter: Parameter, options: dict[str, Any]) -> forms.Field:
    return forms.CharField(max_length=parameter.longest, **options)


def _build_secret(parameter: Parameter, options: dict[str, Any]) -> forms.Field:
    # Not a password box: it is somebody else's, typed once, and browsers must not keep it.
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(max_length=parameter.longest, strip=False, widget=widget, **options)


def _build_integer(parameter: Parameter, options: dict[str, Any]) -> forms.Field:
    return forms.IntegerField(min_value=parameter.least, max_value=parameter.most, **options)


FIELDS: dict[ParameterType, Callable[[Parameter, dict[str, Any]], forms.Field]] = {
    ParameterType.TEXT: _build_text,
    ParameterType.SECRET: _build_secret,
    ParameterType.INTEGER: _build_integer,
    ParameterType.TEXTS: lambda _, options: LinesField(max_length=65536, **options),
    ParameterType.DATA: lambda _, options: BytesField(**options),
    ParameterType.DICTIONARY: lambda _, options: forms.CharField(
        max_length=MAX_DICTIONARY,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        **options,
    ),
}
