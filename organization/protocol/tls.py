"""What this server asks of others' TLS certificates, the same in every version of Python."""

import ssl


def build_client_context(*, ca_file: str | None = None) -> ssl.SSLContext:
    """Return Python's own default, trusting the system's CAs, or those of the PEM file.

    Since 3.13 that default wants extensions, such as an authority key identifier, which many a
    company's CA leaves out, and takes any CA that is trusted for a root.
    """
    context = ssl.create_default_context(cafile=ca_file)  # noqa: TID251
    context.verify_flags &= ~(ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN)
    return context
