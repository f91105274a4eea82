"""Which certificates a device has: its list replaces the one before."""

from collections.abc import Mapping

from devices.models import Device, DeviceCertificate
from devices.protocol.inventory import ListedCertificate

BATCH = 500


def replace_certificates(device: Device, listed: Mapping[str, ListedCertificate]) -> None:
    """Bring the device's certificates up to `listed`, by fingerprint; only new ones are read."""
    rows = DeviceCertificate.objects.filter(device=device).only("sha256", "is_identity")
    known = {row.sha256: row for row in rows}
    stale = [
        row.pk
        for sha256, row in known.items()
        if sha256 not in listed or listed[sha256].is_identity != row.is_identity
    ]
    DeviceCertificate.objects.filter(pk__in=stale).delete()
    new = [
        certificate
        for sha256, certificate in listed.items()
        if sha256 not in known or known[sha256].is_identity != certificate.is_identity
    ]
    DeviceCertificate.objects.bulk_create(
        [_build(device, certificate) for certificate in new],
        batch_size=BATCH,
        ignore_conflicts=True,  # the same list twice at once
    )


def _build(device: Device, certificate: ListedCertificate) -> DeviceCertificate:
    row = DeviceCertificate(
        device=device,
        sha256=certificate.sha256,
        common_name=certificate.common_name,
        is_identity=certificate.is_identity,
    )
    content = certificate.read()
    if content is not None:
        row.subject, row.issuer = content.subject, content.issuer
        row.serial, row.not_after = content.serial, content.not_after
    return row
