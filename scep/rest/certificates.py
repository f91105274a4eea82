"""`scep/certificates`: device identities that were issued here."""

from datetime import datetime
from typing import Any, ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from organization.rest import get_actor
from organization.rest.filters import (
    BoundedSearchFilter,
    MomentFilter,
    RowFilter,
    RowFilters,
    StrictFilterBackend,
)
from organization.rest.views import CollectionViewSet
from scep.models import (
    CertificateAuthority,
    CertificateStatus,
    IssuedCertificate,
    ScepProfile,
)
from scep.protocol.revocation_reasons import REASONS
from scep.selectors import build_token_expression, filter_by_token
from scep.services.certificate_search import find_certificate_ids
from scep.services.issuance import revoke_certificate


class CertificateSerializer(serializers.ModelSerializer[IssuedCertificate]):
    id = serializers.CharField(source="public_id", read_only=True)
    issuer: Any = serializers.SlugRelatedField(slug_field="public_id", read_only=True)
    scep_profile: Any = serializers.SlugRelatedField(
        slug_field="public_id", read_only=True, allow_null=True
    )
    session = serializers.CharField(source="session_id", read_only=True)
    token = serializers.CharField(
        read_only=True,
        help_text="Its jti: of the token that was the challenge, else of the session's.",
    )
    device = serializers.CharField(
        source="device_id", read_only=True, help_text="Empty until it has checked in."
    )
    renews: Any = serializers.SlugRelatedField(
        slug_field="public_id", read_only=True, allow_null=True
    )

    class Meta:
        model = IssuedCertificate
        fields: tuple[str, ...] = (
            "id",
            "status",
            "purpose",
            "serial",
            "subject",
            "fingerprint",
            "issuer",
            "scep_profile",
            "session",
            "token",
            "device",
            "renews",
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


class RevocationSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=list(REASONS), default="unspecified")


class CertificateSearch(BoundedSearchFilter):
    """By indexes, since there may be a million rows."""

    search_description = (
        "The beginning of a serial number or fingerprint, a whole id of a certificate, session, "
        "token or device, or words that each occur in the subject; at most 1,000 of each kind."
    )

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        terms = " ".join(self.get_search_terms(request))
        return queryset.filter(pk__in=find_certificate_ids(terms)) if terms else queryset


class CertificateFilters(RowFilters):
    status = filters.ChoiceFilter(choices=CertificateStatus.choices)
    scep_profile = RowFilter(ScepProfile, "scep_profile")
    session = filters.CharFilter(field_name="session_id")
    token = filters.CharFilter(
        method="filter_token", help_text="Its jti; those of tokens made from it come along."
    )
    device = filters.CharFilter(field_name="device_id")
    issuer = RowFilter(CertificateAuthority, "issuer")
    expires_before = MomentFilter(method="filter_expiry")

    def filter_token(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return filter_by_token(rows, value)

    def filter_expiry(self, rows: QuerySet[Any], name: str, value: datetime) -> QuerySet[Any]:
        # Every status is named because the index on the expiry begins with it.
        return rows.filter(status__in=CertificateStatus.values, not_after__lt=value)


class CertificateViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Device identities."""

    queryset = IssuedCertificate.objects.select_related("issuer", "scep_profile", "renews").defer(
        "issuer__private_key", "issuer__certificate", "renews__certificate",
        "scep_profile__static_challenge", "scep_profile__hook_password",
    )  # fmt: skip
    lookup_value_regex = "crt_[a-z0-9]+"
    filterset_class = CertificateFilters
    filter_backends = (StrictFilterBackend, CertificateSearch)
    ordering_fields: ClassVar = {"created_at": "id", "not_after": "not_after"}
    # The indexes of the expiry begin with the status.
    ordering_shares: ClassVar = {"not_after": [Q(status=each) for each in CertificateStatus.values]}

    def get_queryset(self) -> QuerySet[IssuedCertificate]:
        return super().get_queryset().annotate(token=build_token_expression())

    def get_serializer_class(self) -> Any:
        return CertificateSerializer if self.action == "list" else CertificateWithPemSerializer

    @extend_schema(request=RevocationSerializer, responses=CertificateWithPemSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """For good: the device is refused from its next message on. Again changes nothing."""
        row = self.get_object()
        reason = self.decode(request, RevocationSerializer)["reason"]
        revoke_certificate(row, reason=reason, now=timezone.now(), actor=get_actor(request))
        return self.answer(row)
