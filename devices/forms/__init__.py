"""The console's forms and filters of devices, their commands, groups and the push certificate."""

from devices.forms.commands import CommandForm, RawCommandForm
from devices.forms.devices import (
    CURRENT,
    ConfirmDeviceForm,
    DeviceFilter,
    DeviceForm,
    ExportForm,
    GroupFilter,
    GroupForm,
)
from devices.forms.push_certificate import (
    AnnotateForm,
    ImportPushCertificateForm,
    VendorForm,
)

__all__ = [
    "CURRENT",
    "AnnotateForm",
    "CommandForm",
    "ConfirmDeviceForm",
    "DeviceFilter",
    "DeviceForm",
    "ExportForm",
    "GroupFilter",
    "GroupForm",
    "ImportPushCertificateForm",
    "RawCommandForm",
    "VendorForm",
]
