from django.db import models

from enrollment.models.session import EnrollmentSession
from organization.models import TimeStamped


class ReportedDevice(TimeStamped):
    """The device that a session belongs to, as it told itself before it had a certificate.

    Made by the Profile Service's phase 2, and from then on the session is this device's alone.
    """

    session = models.OneToOneField(
        EnrollmentSession, models.CASCADE, related_name="reported_device"
    )
    udid = models.CharField(max_length=64, db_index=True)
    serial_number = models.CharField(max_length=64, blank=True)
    imei = models.CharField(max_length=64, blank=True)
    meid = models.CharField(max_length=64, blank=True)
    product = models.CharField(max_length=64, blank=True, help_text="For example iPhone16,1.")
    build_version = models.CharField(max_length=64, blank=True)
    certificate_sha256 = models.CharField(
        max_length=64, help_text="The identity from the factory that signed, hexadecimal."
    )
    completed_at = models.DateTimeField(
        null=True, blank=True, help_text="When phase 3 brought the enrollment profile."
    )

    def __str__(self) -> str:
        return self.serial_number or self.udid
