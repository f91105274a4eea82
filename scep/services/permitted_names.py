"""Names that a CA must not certify, because it or one above it is constrained (RFC 5280 4.2.1.10).

Only imported CAs are. Whoever verifies refuses a certificate with such a name, so none is issued;
administrators are told before it comes to that, and where one above it ends first.
"""

from datetime import datetime, timedelta

from cryptography import x509

from organization.selectors import get_organization
from scep.errors import AuthorityInvalid, NamesForbidden
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityState,
    ScepProfile,
    ScepServerType,
    ServicePurpose,
)
from scep.protocol.certificate_bundle import CertificateBundle
from scep.protocol.issuing import Subject
from scep.protocol.name_constraints import (
    find_forbidden_name,
    read_constraints,
)
from scep.protocol.subject_template import Naming, SubjectAttributes, build_naming
from scep.selectors import ISSUERS, get_chain_end, list_name_constraints
from scep.services.authorities import build_name
from scep.services.expiry import WARNING_DAYS

# A device like any other; nobody has that address.
SAMPLE = {
    "serial": "C02SAMPLE123",
    "udid": "00008101-000123456789ABCD",
    "platform": "ios",
    "group": "Group",
    "token": "Token",
    "owner": "owner@owner.invalid",
    "session": "ses_00000000000000000000",
    "imei": "350000000000000",
    "product": "iPhone16,1",
}


def check_names(naming: Naming, *, issuer: CertificateAuthority) -> None:
    """Raise NamesForbidden where the certificate would verify nowhere."""
    constraints = list_name_constraints(issuer)
    name = find_forbidden_name(naming, constraints) if constraints else ""
    if name:
        raise NamesForbidden(f"“{issuer.name}”, or a CA above it, may not certify “{name}”")


def check_own_names(bundle: CertificateBundle) -> None:
    """Raise AuthorityInvalid where the CA may not certify this server's own RA and OCSP signer."""
    constraints = _read_all(bundle)
    organization = get_organization().name
    for subject in (
        build_name(organization, role=ServicePurpose.SCEP_RA.label),
        Subject(ServicePurpose.OCSP_SIGNING.label, organization),
    ):
        name = find_forbidden_name(Naming(subject.to_name()), constraints)
        if name:
            raise AuthorityInvalid(
                f"It may certify certain names only, and “{name}”, which this server needs for "
                "itself, is none of them. Have it certified again without name constraints, or "
                "with that name among them."
            )


def list_profile_warnings(
    scep_profile: ScepProfile, *, authority: CertificateAuthority | None = None
) -> list[str]:
    """Return what the profile's templates ask for and its CA (or `authority`) may not certify.

    Values that only devices have are judged by a sample.
    """
    authority = authority or scep_profile.issuing_ca
    constraints = list_name_constraints(authority) if authority else ()
    if authority is None or not constraints:
        return []
    attributes = SubjectAttributes(**SAMPLE, organization=get_organization().name)
    unfit = [
        text
        for text in scep_profile.subject_alternative_names
        if find_forbidden_name(_fill([], [text], attributes), constraints)
    ]
    # Whether its CN is taken for a host depends on the alternative names.
    fitting = [each for each in scep_profile.subject_alternative_names if each not in unfit]
    if find_forbidden_name(_fill(scep_profile.subject, fitting, attributes), constraints):
        unfit.insert(0, ", ".join(scep_profile.subject) or "CN={session}")
    return [
        f"“{text}” of the SCEP profile {scep_profile.name}: “{authority.name}”, or a CA above it, "
        "may certify certain names only. Requests that ask for others are refused."
        for text in unfit
    ]


def list_authority_warnings(authority: CertificateAuthority, *, now: datetime) -> list[str]:
    """Return what a CA that issues to devices, or will, cannot give them.

    Lives past its end, where that is near, and names that SCEP profiles ask for.
    """
    if authority.role not in ISSUERS:
        return []
    return [*_list_early_end(authority, now=now), *_list_forbidden(authority)]


def _list_early_end(authority: CertificateAuthority, *, now: datetime) -> list[str]:
    if authority.state == CertificateAuthorityState.RETIRED:
        return []
    end = get_chain_end(authority)
    if end < authority.not_after:
        return [
            f"A CA above “{authority.name}” ends first, on {end:%-d %b %Y}: no identity lives "
            "longer. Have that CA certified again, and this one below it, before then."
        ]
    if end - now > timedelta(days=max(WARNING_DAYS)):
        return []
    return [
        f"“{authority.name}” ends soon, on {end:%-d %b %Y}: no identity lives longer. Have it "
        "certified again, or let another CA take its place, before then."
    ]


def _list_forbidden(authority: CertificateAuthority) -> list[str]:
    profiles = ScepProfile.objects.filter(issuing_ca=authority)
    if authority.state == CertificateAuthorityState.NEXT:
        profiles = ScepProfile.objects.filter(
            server_type=ScepServerType.BUILTIN, single_certificate=False
        )
    if not list_name_constraints(authority):
        return []
    rows = profiles.defer("static_challenge", "hook_password").order_by("name")
    return [text for row in rows for text in list_profile_warnings(row, authority=authority)]


def _fill(subject: list[str], others: list[str], attributes: SubjectAttributes) -> Naming:
    naming = build_naming(subject, others, attributes=attributes, fallback=attributes.session)
    return naming if subject or not others else Naming(x509.Name([]), naming.alternative_names)


def _read_all(bundle: CertificateBundle) -> list[x509.NameConstraints]:
    found = [read_constraints(each) for each in (bundle.certificate, *bundle.above)]
    return [each for each in found if each is not None]
