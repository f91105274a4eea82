"""The log codes of people who sign in before they enroll."""

from enrollment.protocol.log_code import LogCode, _

SIGN_IN_CODES = (
    LogCode("person_signed_in", "info", _("Person signed in")),
    LogCode(
        "sign_in_required",
        "error",
        _("Sign-in required"),
        _("This link needs a sign-in before the profile is handed out."),
        _("Open the enrollment link in Safari and sign in there."),
        _("Sign in first"),
    ),
    LogCode(
        "sign_in_failed",
        "error",
        _("Sign-in failed"),
        _("The sign-in was cancelled, took over ten minutes, or its answer cannot be trusted."),
        _("Open the enrollment link again and sign in once more."),
        _("You are not signed in"),
    ),
    LogCode(
        "sign_in_unavailable",
        "error",
        _("Sign-in not possible"),
        _("The identity provider cannot be reached, or is not the one that is set."),
        _("Check GUARDMDM_OIDC_ISSUER and that this server reaches the provider."),
        _("You cannot sign in at the moment"),
    ),
)
