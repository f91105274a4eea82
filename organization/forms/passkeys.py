"""What passkeys may send: allauth's forms, to which a malformed answer is a wrong one."""

import struct
from collections.abc import Callable
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as webauthn
from cryptography.exceptions import InvalidSignature
from django import forms

MAX_CREDENTIAL = 64 * 1024  # characters; with an attestation a few thousand
# What the library raises at an answer that no authenticator gives, or at a forged one.
MALFORMED = (
    *(KeyError, IndexError, TypeError, AttributeError, ValueError),
    *(struct.error, RecursionError, InvalidSignature),
)


class CredentialField(forms.JSONField):
    def to_python(self, value: Any) -> Any:
        try:
            if len(value or "") > MAX_CREDENTIAL:
                raise RecursionError
            return super().to_python(value)
        except RecursionError as error:
            message = self.error_messages["invalid"]
            raise forms.ValidationError(message, code="invalid") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """The form that is shown again reads the text once more."""
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return initial


class _PasskeyForm(forms.Form):
    """allauth's form, to which a malformed answer is a wrong one and no internal error."""

    credential = CredentialField(required=True, widget=forms.HiddenInput)

    def clean_credential(self) -> Any:
        return self._read(getattr(super(), "clean_credential", self._get_credential))

    def clean(self) -> Any:
        return self._read(super().clean)

    def _get_credential(self) -> Any:
        return self.cleaned_data["credential"]

    @staticmethod
    def _read(check: Callable[[], Any]) -> Any:
        try:
            return check()
        except MALFORMED as error:
            raise get_adapter().validation_error("incorrect_code") from error


class AddPasskeyForm(_PasskeyForm, webauthn.AddWebAuthnForm):
    pass


class LoginPasskeyForm(_PasskeyForm, webauthn.LoginWebAuthnForm):
    pass


class SecondPasskeyForm(_PasskeyForm, webauthn.AuthenticateWebAuthnForm):
    pass


class ProvePasskeyForm(_PasskeyForm, webauthn.ReauthenticateWebAuthnForm):
    pass
