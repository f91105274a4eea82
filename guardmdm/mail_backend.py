"""Django's SMTP connection, trusting the CAs that GUARDMDM_EMAIL_CA names."""

import ssl

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend
from django.utils.functional import cached_property

from guardmdm.mail import build_tls_context


class SmtpBackend(EmailBackend):
    @cached_property
    def ssl_context(self) -> ssl.SSLContext:  # type: ignore[override]
        return build_tls_context(settings.EMAIL_CA)
