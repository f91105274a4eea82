"""Reads of tokens, invitations and sessions that more than one door needs."""

from enrollment.selectors.anomalies import list_anomalies
from enrollment.selectors.devices import put_devices
from enrollment.selectors.invitations import (
    filter_invitations,
    find_invited_person,
    get_invitation_state,
    join_tokens,
    list_invitations,
)
from enrollment.selectors.sessions import list_absent, list_sessions, list_waiting_sessions
from enrollment.selectors.tokens import (
    EXPIRING,
    RUNNING_OUT,
    filter_by_family,
    find_service_profile,
    find_token_warnings,
    get_token_state,
    is_held_at_page,
    list_ending_tokens,
    list_tokens,
    list_untold_tokens,
    select_token_family,
    select_token_of_session,
)

__all__ = [
    "EXPIRING",
    "RUNNING_OUT",
    "filter_by_family",
    "filter_invitations",
    "find_invited_person",
    "find_service_profile",
    "find_token_warnings",
    "get_invitation_state",
    "get_token_state",
    "is_held_at_page",
    "join_tokens",
    "list_absent",
    "list_anomalies",
    "list_ending_tokens",
    "list_invitations",
    "list_sessions",
    "list_tokens",
    "list_untold_tokens",
    "list_waiting_sessions",
    "put_devices",
    "select_token_family",
    "select_token_of_session",
]
