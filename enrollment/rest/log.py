"""`enrollment/log` and `devices/{id}/timeline`: what happened, why, and what to do about it."""

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from devices.models import Device, Enrollment
from enrollment.models import EnrollmentToken, LogEntry, LogLevel
from enrollment.services.diagnosis import get_advice
from organization.rest.filters import (
    MomentFilter,
    NewestSearchFilter,
    RowFilter,
    RowFilters,
    StrictFilterBackend,
)
from organization.rest.views import CollectionViewSet


class LogEntrySerializer(serializers.ModelSerializer[LogEntry]):
    id = serializers.CharField(source="public_id", read_only=True)
    token: Any = serializers.SlugRelatedField(slug_field="jti", read_only=True, allow_null=True)
    session = serializers.CharField(source="session_id", read_only=True)
    device = serializers.CharField(source="device_id", read_only=True)
    title = serializers.SerializerMethodField()
    cause = serializers.SerializerMethodField()
    resolution = serializers.SerializerMethodField()
    detail = serializers.DictField(read_only=True)

    class Meta:
        model = LogEntry
        fields = (
            "id",
            "created_at",
            "level",
            "code",
            "title",
            "message",
            "cause",
            "resolution",
            "session",
            "token",
            "device",
            "remote_address",
            "detail",
        )
        read_only_fields = fields

    def get_title(self, entry: LogEntry) -> str:
        return get_advice(entry).title

    def get_cause(self, entry: LogEntry) -> str:
        return get_advice(entry).cause

    def get_resolution(self, entry: LogEntry) -> str:
        return get_advice(entry).resolution


class LogFilters(RowFilters):
    level = filters.ChoiceFilter(choices=LogLevel.choices)
    code = filters.CharFilter()
    session = filters.CharFilter(field_name="session_id")
    device = filters.CharFilter(field_name="device_id")
    token = RowFilter(EnrollmentToken, "token", by="jti")
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")


class LogViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Every step and refusal of every enrollment."""

    queryset = LogEntry.objects.select_related("token")
    serializer_class = LogEntrySerializer
    lookup_value_regex = "log_[a-z0-9]+"
    filterset_class = LogFilters
    filter_backends = (StrictFilterBackend, NewestSearchFilter)
    search_whole: ClassVar = {"ses": "session_id", "dev": "device_id"}
    search_fields = ("message", "code", "session_id", "device_id")


@extend_schema(parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH)])
class TimelineViewSet(ListModelMixin, CollectionViewSet):
    """The log of one device, its enrollment sessions' included."""

    queryset = LogEntry.objects.select_related("token")
    serializer_class = LogEntrySerializer
    filterset_class = LogFilters
    search_fields = ("message", "code")
    ordering_fields: ClassVar = {"created_at": "id"}

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        device = get_object_or_404(Device, public_id=self.kwargs["id"])
        sessions = Enrollment.objects.filter(device=device).exclude(session_id="")
        # Named, not asked for in the statement: so two indexes find the entries. Else PostgreSQL
        # reads the whole log, and looks for each entry's session among them.
        ids = list(sessions.order_by().values_list("session_id", flat=True))
        entries = queryset.filter(Q(device_id=device.public_id) | Q(session_id__in=ids))
        return super().filter_queryset(entries)
