"""Signing in with a password, and changing it: allauth's forms, in the console's words."""

from typing import Any

from allauth.account import forms as account
from django.utils.translation import gettext_lazy as _


class SignInForm(account.LoginForm):  # type: ignore[misc]
    """allauth's, in the console's words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail")
        self.fields["login"].widget.attrs.pop("placeholder", None)
        self.fields["password"].widget.attrs.pop("placeholder", None)
        self.fields["remember"].label = _("Remember me")


class ChangePasswordForm(account.ChangePasswordForm):  # type: ignore[misc]
    """allauth's, in the console's words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Current password")
        self.fields["password1"].label = _("New password")
        self.fields["password2"].label = _("New password (again)")
