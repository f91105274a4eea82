"""`enrollment/sessions`: attempts to enroll, read only."""

from typing import Any, ClassVar

from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from enrollment.models import EnrollmentSession, SessionState
from organization.rest.filters import RowFilters
from organization.rest.views import CollectionViewSet


class SessionSerializer(serializers.ModelSerializer[EnrollmentSession]):
    id = serializers.CharField(source="public_id", read_only=True)
    token: Any = serializers.SlugRelatedField(slug_field="jti", read_only=True)
    device = serializers.CharField(
        source="device_id", read_only=True, help_text="`dev_…`; empty until Authenticate."
    )

    class Meta:
        model = EnrollmentSession
        fields = (
            "id",
            "token",
            "state",
            "platform",
            "device",
            "person_name",
            "person_email",
            "failure_code",
            "user_agent",
            "remote_address",
            "created_at",
            "expires_at",
            "enrolled_at",
        )
        read_only_fields = fields


class SessionFilters(RowFilters):
    state = filters.ChoiceFilter(choices=SessionState.choices)
    token = filters.CharFilter(field_name="token__jti")
    device = filters.CharFilter(field_name="device_id")
    platform = filters.CharFilter()


class SessionViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Each profile download is a session; its id runs through certificate, device and log."""

    queryset = EnrollmentSession.objects.select_related("token")
    serializer_class = SessionSerializer
    lookup_value_regex = "ses_[a-z0-9]+"
    filterset_class = SessionFilters
    search_fields = (
        "public_id",
        "user_agent",
        "remote_address",
        "person_name",
        "person_email",
    )
    ordering_fields: ClassVar = {"created_at": "id", "expires_at": "expires_at"}
