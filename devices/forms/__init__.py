"""The console's forms and filters of devices, groups and the push certificate."""

from devices.forms.devices import (
    DeviceFilter,
    DeviceForm,
    EraseForm,
    ExportForm,
    GroupFilter,
    GroupForm,
    LockForm,
)
from devices.forms.push_certificate import (
    AnnotateForm,
    ImportPushCertificateForm,
    VendorForm,
)

__all__ = [
    "AnnotateForm",
    "DeviceFilter",
    "DeviceForm",
    "EraseForm",
    "ExportForm",
    "GroupFilter",
    "GroupForm",
    "ImportPushCertificateForm",
    "LockForm",
    "VendorForm",
]
