"""The "Test" of a SCEP profile: its server asked as a device asks, step by step and timed."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from organization.errors import NotSetUp
from organization.selectors import get_organization
from scep.errors import RequestRejected, ScepError, ServerUnreachable
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    ChallengePurpose,
    ChallengeType,
    IssuedCertificate,
    ScepProfile,
)
from scep.protocol.ca_answer import (
    decode_ca_certificates,
    decode_capabilities,
    find_authority,
    is_authority,
    is_issued_by,
    is_same_authority,
)
from scep.protocol.certificates import (
    encode_certificate,
    fingerprint,
    generate_private_key,
)
from scep.protocol.client import (
    Applicant,
    build_applicant,
    build_request,
    decode_reply,
    find_recipient,
)
from scep.protocol.http_messages import Answer
from scep.protocol.names import describe_name
from scep.protocol.revocation_reasons import CEASED
from scep.protocol.subject_template import SubjectAttributes
from scep.selectors import get_ca_certificate_fingerprint, get_certificate
from scep.services.challenge_hooks import fetch_challenge
from scep.services.challenges import create_dynamic_challenge
from scep.services.external_servers import (
    check_fingerprint,
    fetch_capabilities,
    fetch_certificates,
    note_check,
)
from scep.services.issuance import revoke_certificate
from scep.services.outbound import fetch_own
from scep.services.profile_checks import KEY_SIZES

OK = 200
COMMON_NAME = "GuardMDM test"
# Apple's client goes away from a server that offers none of them.
STRONG = {"SHA-256", "SHA-512", "SCEPStandard"}
Certificates = tuple[x509.Certificate, ...]
Result = TypeVar("Result")


@dataclass(frozen=True)
class StepResult:
    """One step: what it is called, whether it worked, how long it took, what was found."""

    name: str
    ok: bool
    milliseconds: int
    detail: str


class _Stopped(Exception):
    """A step has failed; those behind it make no sense."""


@dataclass
class _Run:
    steps: list[StepResult] = field(default_factory=list)
    code: str = ""

    def do(
        self, name: str, work: Callable[[], Result], *, describe: Callable[[Result], str]
    ) -> Result:
        """Run a step and note it; raises _Stopped where it fails."""
        started = time.monotonic()
        try:
            result = work()
        except (ScepError, NotSetUp) as error:
            self.code = getattr(error, "code", ServerUnreachable.code)
            self._note(name, started=started, ok=False, detail=str(error))
            raise _Stopped from error
        self._note(name, started=started, ok=True, detail=describe(result))
        return result

    def _note(self, name: str, *, started: float, ok: bool, detail: str) -> None:
        milliseconds = round((time.monotonic() - started) * 1000)
        self.steps.append(StepResult(name, ok, milliseconds, detail))


def try_profile(scep_profile: ScepProfile, *, now: datetime) -> list[StepResult]:
    """Try the profile's server; the steps up to the first that fails.

    GetCACaps and GetCACert, whose fingerprint is compared; then the built-in CA has to issue a
    certificate of one hour, which is revoked, and an external server's hook to give a challenge.
    """
    run = _Run()
    with suppress(_Stopped):
        if scep_profile.is_external:
            _try_external(scep_profile, run=run, now=now)
        else:
            _try_builtin(scep_profile, run=run, now=now)
    return run.steps


def _try_external(profile: ScepProfile, *, run: _Run, now: datetime) -> None:
    url, name = profile.external_url, profile.ca_name
    try:
        run.do(
            "GetCACaps",
            lambda: _check_capabilities(fetch_capabilities(url, ca_name=name)),
            describe=", ".join,
        )
        certificates = run.do(
            "GetCACert",
            lambda: _check_certificates(profile, fetch_certificates(url, ca_name=name)),
            describe=_describe,
        )
    finally:
        message = "" if not run.code else run.steps[-1].detail
        note_check(profile, code=run.code, message=message, now=now)
    run.do(
        "Trusted CAs", lambda: _check_trusted(profile, certificates), describe=lambda found: found
    )
    if profile.challenge_type == ChallengeType.DYNAMIC:
        run.do(
            "Challenge",
            lambda: fetch_challenge(profile, session_id="", attributes=_describe_organization()),
            describe=lambda challenge: f"a challenge of {len(challenge)} characters",
        )


def _try_builtin(profile: ScepProfile, *, run: _Run, now: datetime) -> None:
    run.do(
        "GetCACaps",
        lambda: _check_capabilities(decode_capabilities(_ask(profile, "GetCACaps").body)),
        describe=", ".join,
    )
    certificates = run.do(
        "GetCACert",
        lambda: _check_certificates(profile, _get_own_certificates(profile)),
        describe=_describe,
    )
    applicant = run.do(
        f"RSA key of {profile.key_size} bits",
        lambda: build_applicant(_get_key(profile.key_size), common_name=COMMON_NAME, now=now),
        describe=lambda made: f"transaction {made.transaction_id[:16]}…",
    )
    try:
        run.do(
            "PKIOperation",
            lambda: _enroll(profile, applicant=applicant, certificates=certificates, now=now),
            describe=_describe_issued,
        )
    except _Stopped:
        # The request may have brought a certificate although the answer was lost.
        _revoke(profile, applicant=applicant, now=now)
        _get_key.cache_clear()  # it may be the key that is refused
        raise
    run.do(
        "Revocation",
        lambda: _revoke(profile, applicant=applicant, now=now),
        describe=lambda count: f"{count} test certificate revoked",
    )


@lru_cache(maxsize=len(KEY_SIZES))
def _get_key(bits: int) -> rsa.RSAPrivateKey:
    """Return the key of all tests of this process: one of 4096 bits takes seconds to make.

    Its certificates are good for an hour at most, and revoked as soon as they are there.
    """
    return generate_private_key(bits=bits)


def _check_capabilities(found: tuple[str, ...]) -> tuple[str, ...]:
    if not STRONG & set(found):
        raise ServerUnreachable(
            f"Apple's devices need one of {', '.join(sorted(STRONG))}; offered: "
            f"{', '.join(found) or 'nothing'}"
        )
    return found


def _check_certificates(profile: ScepProfile, found: Certificates) -> Certificates:
    check_fingerprint(found, expected=get_ca_certificate_fingerprint(profile).hex())
    find_recipient(found)
    return found


def _check_trusted(profile: ScepProfile, certificates: Certificates) -> str:
    """Name the trusted CA that issues behind the server; raises RequestRejected where none does.

    One above it does not do: each certificate is asked to be a trusted CA's own.
    """
    authority = find_authority(certificates)
    others = [each for each in certificates if not is_authority(each)]
    for row in profile.trusted_cas.all():
        trusted = get_certificate(row)
        if is_same_authority(trusted, authority):
            return row.name
        is_shown = any(is_same_authority(trusted, each) for each in certificates)
        if not is_shown and any(is_issued_by(each, issuer=trusted) for each in others):
            return row.name
    raise RequestRejected(
        "none of the trusted CA certificates is that of the CA that issues, "
        f"{describe_name(authority.subject)}; one above it is not enough"
    )


def _get_own_certificates(profile: ScepProfile) -> Certificates:
    answer = _ask(profile, "GetCACert")
    return decode_ca_certificates(answer.body, content_type=answer.content_type)


def _enroll(
    profile: ScepProfile, *, applicant: Applicant, certificates: Certificates, now: datetime
) -> x509.Certificate:
    challenge = create_dynamic_challenge(
        profile, session_id="", now=now, purpose=ChallengePurpose.TEST
    )
    request = build_request(applicant, recipient=find_recipient(certificates), challenge=challenge)
    answer = _ask(profile, "PKIOperation", body=request)
    issued = decode_reply(answer.body, applicant=applicant, authorities=certificates)
    if not any(is_issued_by(issued, issuer=each) for each in certificates):
        raise RequestRejected("the certificate was not issued by the CA of GetCACert")
    return issued


def _revoke(profile: ScepProfile, *, applicant: Applicant, now: datetime) -> int:
    rows = list(
        IssuedCertificate.objects.filter(
            scep_profile=profile, transaction_id=applicant.transaction_id
        )
    )
    for row in rows:
        revoke_certificate(row, reason=CEASED, now=now)
    return len(rows)


def _ask(profile: ScepProfile, operation: str, *, body: bytes = b"") -> Answer:
    answer = fetch_own(
        f"/scep/{profile.public_id}?operation={operation}",
        roots=_get_roots(),
        method="POST" if body else "GET",
        body=body,
    )
    if answer.status != OK:
        raise ServerUnreachable(f"{operation} was answered with {answer.status}")
    return answer


def _get_roots() -> str:
    rows = CertificateAuthority.objects.filter(role=CertificateAuthorityRole.ROOT)
    return "".join(get_certificate(row).public_bytes(Encoding.PEM).decode() for row in rows)


def _describe(certificates: Certificates) -> str:
    subjects = "; ".join(describe_name(each.subject) for each in certificates)
    return f"fingerprint confirmed; {subjects}"


def _describe_issued(certificate: x509.Certificate) -> str:
    digest = fingerprint(encode_certificate(certificate))
    return f"{describe_name(certificate.subject)}, SHA-256 {digest[:16]}…"


def _describe_organization() -> SubjectAttributes:
    return SubjectAttributes(organization=get_organization().name)
