"""One-time challenges of external SCEP servers, asked for as each profile is built."""

import json
from dataclasses import asdict, replace

from scep.errors import ServerUnreachable
from scep.models import HookType, ScepProfile
from scep.protocol.hook_answers import decode_json_challenge, decode_ndes_page
from scep.protocol.http_messages import Answer, Credentials
from scep.protocol.subject_template import SubjectAttributes
from scep.services.outbound import fetch

OK = 200
REFUSED = (401, 403)


def fetch_challenge(
    scep_profile: ScepProfile, *, session_id: str, attributes: SubjectAttributes
) -> str:
    """Return a challenge that the profile's external server will accept once.

    Raises ServerUnreachable; no message holds a password or a challenge.
    """
    if scep_profile.hook_type == HookType.NDES:
        return _fetch_ndes(scep_profile)
    if scep_profile.hook_type == HookType.JSON:
        return _fetch_json(scep_profile, session_id=session_id, attributes=attributes)
    raise ServerUnreachable("the SCEP profile says nowhere to get a challenge from")


def _fetch_ndes(scep_profile: ScepProfile) -> str:
    """Windows servers take NTLM as a rule, some Basic: they say which."""
    auth = _get_credentials(scep_profile)
    answer = fetch(scep_profile.hook_url, auth=auth and replace(auth, waits=True))
    _check_status(answer)
    return decode_ndes_page(answer.body)


def _fetch_json(
    scep_profile: ScepProfile, *, session_id: str, attributes: SubjectAttributes
) -> str:
    """POST who the challenge is for; without a user name the password is a bearer token."""
    request = {
        "session": session_id,
        "scep_profile": scep_profile.public_id,
        "attributes": asdict(attributes),
    }
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    auth = _get_credentials(scep_profile)
    if auth is not None and not auth.username:
        headers["Authorization"] = _encode_bearer(auth)
        auth = None
    answer = fetch(
        scep_profile.hook_url,
        method="POST",
        body=json.dumps(request).encode(),
        headers=headers,
        auth=auth,
    )
    _check_status(answer)
    return decode_json_challenge(answer.body)


def _encode_bearer(auth: Credentials) -> str:
    try:
        return auth.encode_bearer()
    except ValueError as error:  # stored by a version before that did not look
        raise ServerUnreachable(f"the challenge server cannot be asked: {error}") from error


def _get_credentials(scep_profile: ScepProfile) -> Credentials | None:
    password = bytes(scep_profile.hook_password or b"").decode()
    if not (scep_profile.hook_username or password):
        return None
    return Credentials(scep_profile.hook_username, password)


def _check_status(answer: Answer) -> None:
    if answer.status in REFUSED:
        raise ServerUnreachable("the challenge server refuses the user name or password")
    if answer.status != OK:
        raise ServerUnreachable(f"the challenge server answered {answer.status}")
