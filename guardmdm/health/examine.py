"""All checks, in the order in which their fixes make sense."""

from collections.abc import Iterator

from django.conf import settings

from guardmdm.health.address import check_base_url, check_tls, is_https
from guardmdm.health.client_certificates import check_client_certificates
from guardmdm.health.findings import Finding
from guardmdm.health.identity_provider import check_identity_provider
from guardmdm.health.machinery import (
    check_broker,
    check_clock,
    check_database,
    check_disk,
    check_mail,
    check_scheduler,
    check_secret_key,
    check_workers,
)
from guardmdm.health.passage import examine_passage
from guardmdm.health.set_up import (
    check_authorities,
    check_packages,
    check_push_certificate,
    check_set_up,
)
from guardmdm.health.webhooks import check_webhooks, has_webhooks


def examine() -> Iterator[Finding]:
    """Yield a finding for each check; one that needs another's object waits for it to be well."""
    base_url = check_base_url()
    yield base_url
    if is_https():
        yield check_tls()
    if not base_url.is_failure:
        yield from examine_passage()
        if settings.CLIENT_CERT_HEADER and is_https():
            yield check_client_certificates()
    yield check_clock()
    database = check_database()
    yield database
    yield check_broker()
    if settings.EMAIL_HOST:
        yield check_mail()
    if settings.OIDC_ISSUER:
        yield check_identity_provider()
    yield check_secret_key()
    if database.is_failure:
        return
    yield check_scheduler()
    yield check_workers()
    yield check_disk()
    yield check_set_up()
    yield check_authorities()
    yield check_push_certificate()
    yield check_packages()
    if has_webhooks():
        yield check_webhooks()
