"""Every operation of the interface, and the least role that it is for.

Written by hand: an operation that is not listed fails test_roles.py.
"""

from typing import Any

from tests.rest.conftest import Sample

AUDITOR, OPERATOR, ADMINISTRATOR = "auditor", "operator", "administrator"
ROLES = (AUDITOR, OPERATOR, ADMINISTRATOR)

OPERATIONS = {
    "GET organization": AUDITOR,
    "PATCH organization": ADMINISTRATOR,
    "GET push-certificate": AUDITOR,
    "POST push-certificate": ADMINISTRATOR,
    "PATCH push-certificate": ADMINISTRATOR,
    "POST push-certificate/csr": ADMINISTRATOR,
    "POST push-certificate/request": ADMINISTRATOR,
    "GET api-keys": ADMINISTRATOR,
    "POST api-keys": ADMINISTRATOR,
    "GET api-keys/{key}": ADMINISTRATOR,
    "POST api-keys/{key}/revoke": ADMINISTRATOR,
    "GET commands": AUDITOR,
    "GET commands/{command}": AUDITOR,
    "POST commands/{command}/cancel": OPERATOR,
    "GET bulk-commands": AUDITOR,
    "POST bulk-commands": OPERATOR,
    "GET bulk-commands/{bulk}": AUDITOR,
    "POST bulk-commands/{bulk}/cancel": OPERATOR,
    "GET devices": AUDITOR,
    "GET devices/{device}": AUDITOR,
    "PATCH devices/{device}": OPERATOR,
    "DELETE devices/{device}": ADMINISTRATOR,
    "POST devices/{device}/delete-record": ADMINISTRATOR,
    "GET devices/{device}/commands": AUDITOR,
    "POST devices/{device}/commands": OPERATOR,
    "GET devices/{device}/inventory": AUDITOR,
    "GET devices/{device}/apps": AUDITOR,
    "GET devices/{device}/certificates": AUDITOR,
    "GET devices/{device}/profiles": AUDITOR,
    "POST devices/{device}/commands/raw": ADMINISTRATOR,
    "GET devices/{device}/secrets": ADMINISTRATOR,
    "POST devices/{device}/secrets/{secret}/reveal": ADMINISTRATOR,
    "GET devices/{device}/policy-status": AUDITOR,
    "POST devices/{device}/policy-status/retry": OPERATOR,
    "POST devices/{device}/dismiss-warning": OPERATOR,
    "POST devices/{device}/push": OPERATOR,
    "GET devices/{device}/timeline": AUDITOR,
    "GET enrollment/invitations/{invitation}": AUDITOR,
    "POST enrollment/invitations/{invitation}/mail": OPERATOR,
    "POST enrollment/invitations/{invitation}/revoke": OPERATOR,
    "GET enrollment/log": AUDITOR,
    "GET enrollment/log/{entry}": AUDITOR,
    "GET enrollment/sessions": AUDITOR,
    "GET enrollment/sessions/{session}": AUDITOR,
    "POST enrollment/sessions/{session}/approve": ADMINISTRATOR,
    "POST enrollment/sessions/{session}/reject": ADMINISTRATOR,
    "GET enrollment/tokens": AUDITOR,
    "POST enrollment/tokens": OPERATOR,
    "GET enrollment/tokens/{token}": AUDITOR,
    "GET enrollment/tokens/{token}/invitations": AUDITOR,
    "POST enrollment/tokens/{token}/invitations": OPERATOR,
    "GET enrollment/tokens/{token}/qr.png": OPERATOR,
    "GET enrollment/tokens/{token}/short-qr.png": OPERATOR,
    "POST enrollment/tokens/{token}/leaked": OPERATOR,
    "GET enrollment/tokens/{token}/short-qr.svg": OPERATOR,
    "GET enrollment/tokens/{token}/qr.svg": OPERATOR,
    "POST enrollment/tokens/{token}/revoke": OPERATOR,
    "GET doctor": ADMINISTRATOR,
    "POST doctor": ADMINISTRATOR,
    "GET groups": AUDITOR,
    "POST groups": OPERATOR,
    "GET groups/{group}": AUDITOR,
    "PATCH groups/{group}": OPERATOR,
    "DELETE groups/{group}": OPERATOR,
    "GET packages": AUDITOR,
    "POST packages": OPERATOR,
    "GET packages/{package}": AUDITOR,
    "DELETE packages/{package}": OPERATOR,
    "POST packages/{package}/install": OPERATOR,
    "GET policies": AUDITOR,
    "POST policies": OPERATOR,
    "GET policies/{policy}": AUDITOR,
    "PATCH policies/{policy}": OPERATOR,
    "DELETE policies/{policy}": OPERATOR,
    "POST policies/{policy}/items": OPERATOR,
    "PUT policies/{policy}/items/{item}": OPERATOR,
    "DELETE policies/{policy}/items/{item}": OPERATOR,
    "GET scep/certificates": AUDITOR,
    "GET scep/certificates/{certificate}": AUDITOR,
    "POST scep/certificates/{certificate}/revoke": OPERATOR,
    "GET scep/profiles": AUDITOR,
    "POST scep/profiles": ADMINISTRATOR,
    "GET scep/profiles/{scep_profile}": AUDITOR,
    "PATCH scep/profiles/{scep_profile}": ADMINISTRATOR,
    "DELETE scep/profiles/{scep_profile}": ADMINISTRATOR,
    "POST scep/profiles/{scep_profile}/test": OPERATOR,
    "POST scep/profiles/{scep_profile}/check": OPERATOR,
    "POST scep/profiles/fetch-ca": ADMINISTRATOR,
    "GET scep/requests": AUDITOR,
    "GET scep/requests/{held_request}": AUDITOR,
    "POST scep/requests/decide": ADMINISTRATOR,
    "POST scep/requests/{held_request}/approve": ADMINISTRATOR,
    "POST scep/requests/{held_request}/reject": ADMINISTRATOR,
    "GET scep/authorities": AUDITOR,
    "POST scep/authorities": ADMINISTRATOR,
    "POST scep/authorities/import": ADMINISTRATOR,
    "GET scep/authorities/{authority}": AUDITOR,
    "DELETE scep/authorities/{authority}": ADMINISTRATOR,
    "POST scep/authorities/{authority}/activate": ADMINISTRATOR,
    "POST scep/authorities/{authority}/rotate": ADMINISTRATOR,
    "POST scep/authorities/{authority}/revoke": ADMINISTRATOR,
    "POST scep/authorities/{authority}/export": ADMINISTRATOR,
    "GET webhooks": AUDITOR,
    "POST webhooks": ADMINISTRATOR,
    "GET webhooks/{webhook}": AUDITOR,
    "PATCH webhooks/{webhook}": ADMINISTRATOR,
    "DELETE webhooks/{webhook}": ADMINISTRATOR,
    "POST webhooks/{webhook}/test": ADMINISTRATOR,
    "POST webhooks/{webhook}/roll-secret": ADMINISTRATOR,
    "GET webhooks/{webhook}/deliveries": AUDITOR,
    "POST webhooks/{webhook}/deliveries/{delivery}/send-again": ADMINISTRATOR,
    "GET scep/service-certificates": AUDITOR,
    "POST scep/service-certificates": ADMINISTRATOR,
    "GET scep/service-certificates/{service_certificate}": AUDITOR,
    "POST scep/service-certificates/{service_certificate}/revoke": ADMINISTRATOR,
}
LISTS = [
    operation.partition(" ")[2]
    for operation in OPERATIONS
    if operation.startswith("GET ")
    and operation.endswith(("s", "log", "timeline"))
    and not operation.endswith(("policy-status", "{device}/profiles"))
]


def build_path(template: str, sample: Sample) -> str:
    """Fill in the sample's ids: `devices/{device}/push` → `devices/dev_…/push`."""
    return template.format(**{name: _get_id(row) for name, row in vars(sample).items()})


def _get_id(row: Any) -> str:
    return str(getattr(row, "jti", None) or row.public_id)
