"""CAs and this server's own certificates as JSON."""

import base64
import binascii
from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from organization.rest.fields import build_choice_error
from scep.models import CertificateAuthority, ServiceCertificate
from scep.protocol.certificates import KEY_TYPES
from scep.protocol.description import describe_certificate
from scep.services.permitted_names import list_authority_warnings
from scep.services.service_certificates import BUILDERS

MAX_BUNDLE = 400_000  # characters: 256 KB in Base64, and some
PURPOSES = [(purpose.value, purpose.label) for purpose in BUILDERS]


class AuthoritySerializer(serializers.ModelSerializer[CertificateAuthority]):
    id = serializers.CharField(source="public_id", read_only=True)
    parent: Any = serializers.SlugRelatedField(
        slug_field="public_id", read_only=True, allow_null=True
    )
    crl_number = serializers.SerializerMethodField(
        help_text="Of the newest revocation list; null while there is none."
    )
    crl_next_update = serializers.SerializerMethodField()

    class Meta:
        model = CertificateAuthority
        fields: tuple[str, ...] = (
            "id",
            "role",
            "state",
            "name",
            "parent",
            "fingerprint",
            "is_imported",
            "not_after",
            "activates_at",
            "retired_at",
            "revoked_at",
            "revocation_reason",
            "crl_number",
            "crl_next_update",
            "created_at",
        )
        read_only_fields = fields

    def get_crl_number(self, row: CertificateAuthority) -> int | None:
        revocation_list = getattr(row, "revocation_list", None)
        return revocation_list.number if revocation_list else None

    def get_crl_next_update(self, row: CertificateAuthority) -> datetime | None:
        revocation_list = getattr(row, "revocation_list", None)
        return revocation_list.next_update if revocation_list else None


class AuthorityWithPemSerializer(AuthoritySerializer):
    pem = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField(
        help_text="That the CA, or one above it, ends soon; names that SCEP profiles ask for "
        "and it may not certify."
    )

    class Meta(AuthoritySerializer.Meta):
        fields = (*AuthoritySerializer.Meta.fields, "pem", "warnings")
        read_only_fields = fields

    def get_warnings(self, row: CertificateAuthority) -> list[str]:
        return list_authority_warnings(row, now=timezone.now())

    def get_pem(self, row: CertificateAuthority) -> str:
        return describe_certificate(bytes(row.certificate)).pem


class PrepareSerializer(serializers.Serializer[Any]):
    key_type = serializers.ChoiceField(choices=list(KEY_TYPES), default="ec_p256")
    activates_at = serializers.DateTimeField(
        default=None, allow_null=True, help_text="Null: it waits to be activated."
    )


class ImportSerializer(serializers.Serializer[Any]):
    pem = serializers.CharField(
        max_length=MAX_BUNDLE,
        required=False,
        write_only=True,
        help_text="The CA certificate, those above it, and its key unless that is in `key`.",
    )
    pkcs12 = serializers.CharField(
        max_length=MAX_BUNDLE, required=False, write_only=True, help_text="Base64, instead of PEM."
    )
    key = serializers.CharField(
        max_length=MAX_BUNDLE,
        default="",
        write_only=True,
        allow_blank=True,
        help_text="PEM.",
        trim_whitespace=False,
    )
    password = serializers.CharField(
        max_length=1000,
        default="",
        write_only=True,
        allow_blank=True,
        help_text="Of the key or the PKCS#12.",
        trim_whitespace=False,
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("pem" in attrs) == ("pkcs12" in attrs):
            raise build_choice_error("pem", "pkcs12")
        return {**attrs, "bundle": self._read_bundle(attrs)}

    @staticmethod
    def _read_bundle(attrs: dict[str, Any]) -> bytes:
        if "pem" in attrs:
            return bytes(attrs["pem"].encode())
        try:
            return base64.b64decode(attrs["pkcs12"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise serializers.ValidationError({"pkcs12": "is not Base64"}) from error


class ExportSerializer(serializers.Serializer[Any]):
    password = serializers.CharField(
        max_length=1000,
        write_only=True,
        help_text="At least 12 characters.",
        trim_whitespace=False,
    )


class ServiceCertificateSerializer(serializers.ModelSerializer[ServiceCertificate]):
    id = serializers.CharField(source="public_id", read_only=True)
    issuer: Any = serializers.SlugRelatedField(slug_field="public_id", read_only=True)

    class Meta:
        model = ServiceCertificate
        fields = (
            "id",
            "purpose",
            "issuer",
            "serial",
            "fingerprint",
            "is_active",
            "not_after",
            "revoked_at",
            "revocation_reason",
            "created_at",
        )
        read_only_fields = fields


class RotationSerializer(serializers.Serializer[Any]):
    purpose = serializers.ChoiceField(choices=PURPOSES)
