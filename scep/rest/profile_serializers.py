"""SCEP profiles as JSON: what is shown, what is taken, and the results of tests and fetches."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework import serializers

from scep.models import ChallengeType, HookType, KeyUsage, ScepProfile, ScepServerType
from scep.models.profile import default_subject
from scep.protocol.addresses import MAX_URL
from scep.protocol.subject_template import ALTERNATIVE_NAMES, RELATIVE_NAMES, VARIABLES
from scep.selectors import get_ca_certificate_fingerprint
from scep.services.permitted_names import list_profile_warnings
from scep.services.profile_checks import (
    KEY_SIZES,
    MAX_HOOK_USERNAME,
    MAX_NAME,
    MAX_VALIDITY_DAYS,
    MIN_STATIC_CHALLENGE,
)
from scep.services.profiles import SECRETS, VALUE_NAMES
from scep.services.trusted_authorities import MAX_PEM, list_trust_warnings

MAX_TEMPLATES = 20
# As they are stored; the CA's fingerprint is shown in another way.
PLAIN = tuple(
    name for name in VALUE_NAMES if name not in (*SECRETS, "ca_fingerprint", "trusted_ca_pem")
)


class CheckSerializer(serializers.Serializer[Any]):
    """What the last check of an external server has found."""

    at = serializers.DateTimeField(source="checked_at", allow_null=True)
    code = serializers.CharField(source="check_code", help_text="Empty when all was well.")
    message = serializers.CharField(source="check_message")


class ScepProfileSerializer(serializers.ModelSerializer[ScepProfile]):
    id = serializers.CharField(source="public_id", read_only=True)
    server_url = serializers.SerializerMethodField(help_text="Where devices send their requests.")
    ca_fingerprint = serializers.SerializerMethodField(
        help_text="SHA-256 of the CA certificate, hex."
    )
    hook_type = serializers.CharField(
        read_only=True, help_text="`ndes` or `json`: where one-time challenges come from; or empty."
    )
    subject: Any = serializers.ListField(child=serializers.CharField(), read_only=True)
    subject_alternative_names: Any = serializers.ListField(
        child=serializers.CharField(), read_only=True
    )
    issuing_ca: Any = serializers.SlugRelatedField(
        slug_field="public_id", read_only=True, allow_null=True
    )
    trusted_cas: Any = serializers.SlugRelatedField(
        slug_field="public_id", read_only=True, many=True
    )
    check = CheckSerializer(source="*", read_only=True)
    warnings = serializers.SerializerMethodField(
        help_text="Names that the templates ask for and the CA may not certify; CAs that devices "
        "have identities of and no SCEP profile trusts any more."
    )

    class Meta:
        model = ScepProfile
        fields = (
            "id",
            *PLAIN,
            "server_url",
            "ca_fingerprint",
            "issuing_ca",
            "trusted_cas",
            "check",
            "warnings",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_server_url(self, profile: ScepProfile) -> str:
        return profile.external_url or f"{settings.BASE_URL}/scep/{profile.public_id}"

    def get_warnings(self, profile: ScepProfile) -> list[str]:
        return list_profile_warnings(profile) + list_trust_warnings(profile, now=timezone.now())

    def get_ca_fingerprint(self, profile: ScepProfile) -> str:
        return get_ca_certificate_fingerprint(profile).hex()


def _build_template_field(kinds: Iterable[str], *, default: Any) -> Any:
    variables = ", ".join(f"`{{{name}}}`" for name in VARIABLES)
    return serializers.ListField(
        child=serializers.CharField(max_length=200),
        max_length=MAX_TEMPLATES,
        default=default,
        help_text=f"`KIND=value` each, in order. Kinds: {', '.join(kinds)}. Variables: {variables}."
        " One whose variables are all unknown is left out.",
    )


class ScepProfileValuesSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_NAME)
    server_type = serializers.ChoiceField(
        choices=ScepServerType.choices, default=ScepServerType.BUILTIN
    )
    challenge_type = serializers.ChoiceField(
        choices=ChallengeType.choices, default=ChallengeType.DYNAMIC
    )
    static_challenge = serializers.CharField(
        max_length=255,
        required=False,
        write_only=True,
        trim_whitespace=False,
        help_text=f"With static challenges: {MIN_STATIC_CHALLENGE} characters or more, not "
        "counting blanks. "
        "Never shown again.",
    )
    allow_legacy = serializers.BooleanField(
        default=False, help_text="Accept 3DES and SHA-1 from devices that know nothing better."
    )
    key_size = serializers.ChoiceField(choices=KEY_SIZES, default=2048)
    key_usage = serializers.ChoiceField(
        choices=KeyUsage.choices, default=KeyUsage.SIGNING_AND_ENCRYPTION
    )
    subject = _build_template_field(RELATIVE_NAMES, default=default_subject)
    subject_alternative_names = _build_template_field(ALTERNATIVE_NAMES, default=list)
    validity_days = serializers.IntegerField(min_value=1, max_value=MAX_VALIDITY_DAYS, default=365)
    renewal_days = serializers.IntegerField(
        min_value=1,
        max_value=MAX_VALIDITY_DAYS - 1,
        default=None,
        allow_null=True,
        help_text="Fewer than `validity_days`. Null: 180 days ahead, or a third of the "
        "certificate's life.",
    )
    hold_for_approval = serializers.BooleanField(
        default=False, help_text="New enrollments wait until an administrator approves them."
    )
    single_certificate = serializers.BooleanField(
        default=False, help_text="GetCACert answers with one certificate, without an RA."
    )
    external_url = serializers.CharField(
        max_length=MAX_URL,
        default="",
        allow_blank=True,
        help_text="The external server: https, without a question mark.",
    )
    ca_name = serializers.CharField(
        max_length=MAX_NAME,
        default="",
        allow_blank=True,
        help_text="The CA's identifier where an external server has several.",
    )
    ca_fingerprint = serializers.CharField(
        max_length=120,
        required=False,
        allow_blank=True,
        help_text="SHA-256 of the external CA certificate, which you have compared.",
    )
    trusted_ca_pem = serializers.CharField(
        max_length=MAX_PEM,
        required=False,
        write_only=True,
        help_text="Replaces the CAs whose identities are trusted.",
    )
    hook_type = serializers.ChoiceField(
        choices=HookType.choices,
        default="",
        allow_blank=True,
        help_text="Where dynamic challenges for an external server come from.",
    )
    hook_url = serializers.CharField(
        max_length=MAX_URL, default="", allow_blank=True, help_text="Where the hook is asked."
    )
    hook_username = serializers.CharField(
        max_length=MAX_HOOK_USERNAME, default="", allow_blank=True
    )
    hook_password = serializers.CharField(
        max_length=200,
        required=False,
        write_only=True,
        trim_whitespace=False,
        help_text="Never shown again.",
    )


class StepSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    ok = serializers.BooleanField()
    milliseconds = serializers.IntegerField()
    detail = serializers.CharField(help_text="What was found, or what failed.")


class ProfileTestSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField(help_text="Every step worked.")
    steps = StepSerializer(many=True)


class ExternalServerSerializer(serializers.Serializer[Any]):
    external_url = serializers.CharField(max_length=MAX_URL)
    ca_name = serializers.CharField(max_length=MAX_NAME, default="", allow_blank=True)


class ExternalCaSerializer(serializers.Serializer[Any]):
    fingerprint = serializers.CharField(help_text="SHA-256 of the CA certificate, hex.")
    subject = serializers.CharField()
    not_after = serializers.DateTimeField()
    capabilities: Any = serializers.ListField(child=serializers.CharField())
    certificates = serializers.CharField(help_text="All that the server sent, as PEM.")
