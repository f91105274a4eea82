"""The log codes of certificates: those of devices, and those of the authorities above them."""

from enrollment.protocol.log_code import _, build_trouble

CERTIFICATE_CODES = (
    build_trouble(
        "scep_challenge_invalid",
        _("SCEP challenge invalid"),
        _("The password with which the device asked for its certificate is wrong or has expired."),
        _(
            "Open the enrollment link again and download a new profile. A static challenge has "
            "to be the one that the SCEP server expects."
        ),
    ),
    build_trouble(
        "scep_challenge_reused",
        _("SCEP challenge reused"),
        _("One profile was installed twice, but the password in it brings one certificate."),
        _("Open the enrollment link again and download a new profile, one for each device."),
    ),
    build_trouble(
        "scep_request_rejected",
        _("SCEP request rejected"),
        _("The request could not be read, or asks for what its SCEP profile does not allow."),
        _(
            "Check the SCEP profile's key size and algorithms; old devices need legacy support. "
            "What could not be read was mostly altered on the way: look at the proxy."
        ),
    ),
    build_trouble(
        "scep_server_unreachable",
        _("SCEP server unreachable"),
        _("The SCEP server did not answer."),
        _("Check SCEP server connectivity: its URL, and that this server and devices reach it."),
    ),
    build_trouble(
        "ca_fingerprint_mismatch",
        _("CA fingerprint mismatch"),
        _("The SCEP server's CA is not the one that the SCEP profile names."),
        _(
            "Ask the server's operator for its CA's fingerprint. If it has changed, fetch the CA "
            "anew in the SCEP profile; if not, somebody answers in its place."
        ),
    ),
    build_trouble(
        "certificate_not_issued",
        _("Certificate not issued"),
        _("The device asked for a certificate but received none."),
        _("Check SCEP server connectivity."),
    ),
    build_trouble(
        "certificate_names_forbidden",
        _("Certificate names not permitted"),
        _("The issuing CA may not certify the names that the SCEP profile's templates give."),
        _("Change the templates of the SCEP profile, or use a CA without name constraints."),
    ),
    build_trouble(
        "identity_not_trusted",
        _("Device’s certificate not accepted"),
        _("The device's certificate was not issued here, has expired, or is another device's."),
        _("Remove the profile from the device and enroll it again."),
    ),
    build_trouble(
        "client_certificate_unreadable",
        _("Proxy’s client certificate not readable"),
        _("The proxy forwards client certificates in a form that this server does not read."),
        _(
            "Set the proxy up as docs/deployment.md says, and look with the doctor; the devices "
            "need nothing."
        ),
    ),
    build_trouble(
        "identity_revoked",
        _("Device’s certificate revoked"),
        _("The device's certificate has been revoked."),
        _("Remove the profile from the device and enroll it again."),
    ),
    build_trouble(
        "signature_invalid",
        _("Device’s signature invalid"),
        _("A message of a device was altered on the way, or is not signed with its certificate."),
        _("Check that no proxy alters requests; then enroll the device again."),
    ),
    build_trouble(
        "renewal_failed",
        _("Certificate not renewed"),
        _("The device has no new certificate yet; when the old one expires, it is not managed."),
        _("Nothing while there is time: it is tried again. Else read the message and correct it."),
        level="warning",
    ),
    build_trouble(
        "root_ca_not_trusted",
        _("Root CA not trusted"),
        _("The device does not trust this server's root certificate."),
        _("Install the root CA profile first."),
    ),
    build_trouble(
        "ca_expiring",
        _("CA certificate expires soon"),
        _("A certificate authority comes to its end; what it issues ends with it."),
        _(
            "Prepare or import the next CA under System › Certificates, and activate it. Of an "
            "external SCEP server's CA, add the new certificate to the SCEP profile."
        ),
        level="warning",
    ),
    build_trouble(
        "ca_expired",
        _("CA certificate has expired"),
        _("The certificate authority, or one above it, has expired: it can issue nothing more."),
        _("Prepare or import the next CA under System › Certificates, and activate it."),
        _("This server is not ready yet"),
    ),
    build_trouble(
        "certificate_expiring",
        _("Server certificate expires soon"),
        _("One of this server's certificates should have been replaced by itself, but was not."),
        _("Check that the scheduler and the workers run (manage.py doctor)."),
        level="warning",
    ),
)
