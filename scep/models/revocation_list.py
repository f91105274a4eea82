from django.db import models

from scep.models.authority import CertificateAuthority


class RevocationList(models.Model):
    """The newest CRL of a CA (RFC 5280 section 5), and whether it must be made anew."""

    authority = models.OneToOneField(
        CertificateAuthority, models.CASCADE, related_name="revocation_list"
    )
    number = models.BigIntegerField(default=0, help_text="CRL number; only ever grows.")
    der = models.BinaryField(null=True, blank=True)
    this_update = models.DateTimeField(null=True, blank=True)
    next_update = models.DateTimeField(null=True, blank=True)
    is_stale = models.BooleanField(default=True, help_text="Something was revoked since.")

    def __str__(self) -> str:
        return f"CRL {self.number} of {self.authority_id}"
