"""The log's codes of what administrators should look at before people complain."""

from enrollment.protocol.log_code import LogCode, _


def _warn(code: str, title: str, cause: str, resolution: str) -> LogCode:
    return LogCode(code, "warning", title, cause, resolution)


WATCH_CODES = (
    _warn(
        "token_expiring",
        _("Token expires soon"),
        _("From its expiration on nobody can enroll with the token's link or QR code."),
        _("Generate a new token and hand it out, if people shall go on enrolling."),
    ),
    _warn(
        "token_running_out",
        _("Token nearly used up"),
        _("Few uses of the token are left; after them nobody can enroll with it."),
        _("Generate a new token and hand it out, if people shall go on enrolling."),
    ),
    _warn(
        "enrollment_burst",
        _("Unusually many enrollments"),
        _("More people than usual have begun to enroll with one token within ten minutes."),
        _("If this is no roll-out of yours, open the token's page and say that its link leaked."),
    ),
    _warn(
        "token_often_refused",
        _("Token refused often"),
        _("One token was refused again and again within ten minutes."),
        _("If the link has leaked, revoke it on the token's page; if not, hand out another one."),
    ),
    _warn(
        "address_often_refused",
        _("Address refused often"),
        _("One address came with links, profiles or passwords that are not valid."),
        _("Look it up in the log: people with an old poster, or somebody who tries to get in."),
    ),
)
