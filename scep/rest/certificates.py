"""`scep/certificates`: device identities that were issued here."""

from typing import Any, ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from organization.rest.views import CollectionViewSet
from scep.models import CertificateStatus, IssuedCertificate


class CertificateSerializer(serializers.ModelSerializer[IssuedCertificate]):
    id = serializers.CharField(source="public_id", read_only=True)
    issuer = serializers.SlugRelatedField(slug_field="public_id", read_only=True)
    scep_profile: Any = serializers.SlugRelatedField(
        slug_field="public_id", read_only=True, allow_null=True
    )
    session = serializers.CharField(source="session_id", read_only=True)
    token = serializers.CharField(source="token_id", read_only=True)

    class Meta:
        model = IssuedCertificate
        fields: tuple[str, ...] = (
            "id",
            "status",
            "serial",
            "subject",
            "fingerprint",
            "issuer",
            "scep_profile",
            "session",
            "token",
            "not_before",
            "not_after",
            "revoked_at",
            "revocation_reason",
            "created_at",
        )
        read_only_fields = fields


class CertificateWithPemSerializer(CertificateSerializer):
    pem = serializers.SerializerMethodField(help_text="Null while it is being issued.")

    class Meta(CertificateSerializer.Meta):
        fields = (*CertificateSerializer.Meta.fields, "pem")
        read_only_fields = fields

    def get_pem(self, row: IssuedCertificate) -> str | None:
        if not row.certificate:
            return None
        certificate = x509.load_der_x509_certificate(bytes(row.certificate))
        return certificate.public_bytes(Encoding.PEM).decode()


class CertificateFilters(filters.FilterSet):
    status = filters.ChoiceFilter(choices=CertificateStatus.choices)
    scep_profile = filters.CharFilter(field_name="scep_profile__public_id")
    session = filters.CharFilter(field_name="session_id")
    token = filters.CharFilter(field_name="token_id")
    expires_before = filters.IsoDateTimeFilter(field_name="not_after", lookup_expr="lt")


class CertificateViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Device identities."""

    queryset = IssuedCertificate.objects.select_related("issuer", "scep_profile").defer(
        "issuer__private_key", "issuer__certificate", "scep_profile__static_challenge"
    )
    lookup_value_regex = "crt_[a-z0-9]+"
    filterset_class = CertificateFilters
    search_fields = ("subject", "serial", "fingerprint", "session_id")
    ordering_fields: ClassVar = {"created_at": "id", "not_after": "not_after"}

    def get_serializer_class(self) -> Any:
        return CertificateSerializer if self.action == "list" else CertificateWithPemSerializer
