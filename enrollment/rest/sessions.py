"""`enrollment/sessions`: attempts to enroll, and those that wait for approval."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import DeviceStatus
from enrollment.errors import SessionDecided
from enrollment.models import EnrollmentSession, EnrollmentToken, ReportedDevice, SessionState
from enrollment.protocol.funnel.advice import STEP_TITLES, advise_on
from enrollment.protocol.funnel.diagnosis import Diagnosis, Kind
from enrollment.protocol.funnel.timeline import RowState, TimelineRow
from enrollment.selectors import filter_by_family, list_absent, list_sessions
from enrollment.services.approvals import approve_session, reject_session
from enrollment.services.standing import Account, give_account
from organization.models import Role
from organization.rest import get_actor
from organization.rest.filters import NewestSearchFilter, RowFilters, StrictFilterBackend
from organization.rest.views import CollectionViewSet
from scep.models import HeldRequestState


class ReportedDeviceSerializer(serializers.ModelSerializer[ReportedDevice]):
    """What the device said of itself before it had a certificate (Profile Service)."""

    class Meta:
        model = ReportedDevice
        fields = (
            "udid",
            "serial_number",
            "imei",
            "meid",
            "product",
            "build_version",
            "created_at",
            "completed_at",
        )
        read_only_fields = fields


class SessionSerializer(serializers.ModelSerializer[EnrollmentSession]):
    id = serializers.CharField(source="public_id", read_only=True)
    token: Any = serializers.SlugRelatedField(slug_field="jti", read_only=True)
    device = serializers.CharField(
        source="device_id", read_only=True, help_text="`dev_…`; empty until Authenticate."
    )
    approval = serializers.CharField(
        read_only=True,
        help_text="Of one that waits before there is a profile to download: `pending`, `approved` "
        "or `rejected`; else empty.",
    )
    reported_device = ReportedDeviceSerializer(
        read_only=True, allow_null=True, help_text="Null unless its token identifies devices first."
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
            "person_subject",
            "failure_code",
            "approval",
            "decided_at",
            "decided_by",
            "reported_device",
            "user_agent",
            "remote_address",
            "created_at",
            "expires_at",
            "enrolled_at",
        )
        read_only_fields = fields


class SessionStepSerializer(serializers.Serializer[Any]):
    """A step; one that is missing or ahead has no times."""

    step = serializers.CharField(source="kind")
    title = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=[state.value for state in RowState])
    first_at = serializers.DateTimeField(source="step.first_at", default=None, allow_null=True)
    last_at = serializers.DateTimeField(source="step.last_at", default=None, allow_null=True)
    count = serializers.IntegerField(source="step.count", default=0)
    remote_address = serializers.CharField(
        source="step.remote_address", default=None, allow_null=True
    )
    user_agent = serializers.CharField(source="step.user_agent", default="")
    code = serializers.CharField(source="step.code", default="")
    fail_info = serializers.IntegerField(source="step.fail_info", default=None, allow_null=True)

    def get_title(self, row: TimelineRow) -> str:
        return STEP_TITLES[row.kind]


class SessionDiagnosisSerializer(serializers.Serializer[Any]):
    """Where the enrollment stands still and what to do about it."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    code = serializers.CharField()
    step = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    silent_seconds = serializers.SerializerMethodField()
    title = serializers.SerializerMethodField()
    cause = serializers.SerializerMethodField()
    resolution = serializers.SerializerMethodField()
    checks = serializers.SerializerMethodField()

    def get_silent_seconds(self, diagnosis: Diagnosis) -> int | None:
        return int(diagnosis.silence.total_seconds()) if diagnosis.silence else None

    def get_title(self, diagnosis: Diagnosis) -> str:
        return advise_on(diagnosis).title

    def get_cause(self, diagnosis: Diagnosis) -> str:
        return advise_on(diagnosis).cause

    def get_resolution(self, diagnosis: Diagnosis) -> str:
        return advise_on(diagnosis).resolution

    def get_checks(self, diagnosis: Diagnosis) -> list[str]:
        return list(advise_on(diagnosis).checks)


class SessionDetailSerializer(SessionSerializer):
    """One session with its steps and what is wrong with it."""

    status = serializers.SerializerMethodField(help_text="As a device's status.")
    steps = serializers.SerializerMethodField()
    diagnosis = serializers.SerializerMethodField()

    class Meta(SessionSerializer.Meta):
        fields: Any = (*SessionSerializer.Meta.fields, "status", "steps", "diagnosis")
        read_only_fields: Any = fields

    @extend_schema_field(serializers.ChoiceField(choices=DeviceStatus.choices))
    def get_status(self, session: EnrollmentSession) -> str:
        return self._get_account(session).standing.status.value

    @extend_schema_field(SessionStepSerializer(many=True))
    def get_steps(self, session: EnrollmentSession) -> Any:
        return SessionStepSerializer(self._get_account(session).timeline, many=True).data

    @extend_schema_field(SessionDiagnosisSerializer(allow_null=True))
    def get_diagnosis(self, session: EnrollmentSession) -> Any:
        found = self._get_account(session).diagnosis
        return SessionDiagnosisSerializer(found).data if found else None

    def _get_account(self, session: EnrollmentSession) -> Account:
        known: Account | None = getattr(session, "account", None)
        if known is None:
            known = give_account(session, now=timezone.now())
            session.account = known  # type: ignore[attr-defined]
        return known


class SessionFilters(RowFilters):
    state = filters.ChoiceFilter(choices=SessionState.choices)
    token = filters.CharFilter(method="filter_token")
    device = filters.CharFilter(field_name="device_id")
    platform = filters.CharFilter()
    approval = filters.ChoiceFilter(choices=HeldRequestState.choices)
    absent = filters.ChoiceFilter(
        choices=[
            (DeviceStatus.PENDING.value, DeviceStatus.PENDING.label),
            (DeviceStatus.NOT_MANAGED.value, DeviceStatus.NOT_MANAGED.label),
        ],
        method="filter_absent",
        help_text="Enrollments of the last 7 days without a device, by their status.",
    )

    def filter_absent(
        self, rows: QuerySet[EnrollmentSession], name: str, value: str
    ) -> QuerySet[EnrollmentSession]:
        return list_absent(rows, now=timezone.now(), status=value)

    def filter_token(self, rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
        """What was made from a token is its traffic."""
        keys = EnrollmentToken.objects.order_by().filter(jti=value).values_list("pk", flat=True)
        key = keys.first()
        return rows.none() if key is None else filter_by_family(rows, key)


class SessionViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Each profile download is a session; its id runs through certificate, device and log."""

    write_role = Role.ADMINISTRATOR
    queryset = list_sessions()
    service_errors: ClassVar = {SessionDecided: (409, "session_decided")}
    serializer_class = SessionSerializer
    lookup_value_regex = "ses_[a-z0-9]+"
    filterset_class = SessionFilters
    filter_backends = (StrictFilterBackend, NewestSearchFilter)
    search_whole: ClassVar = {"ses": "public_id"}
    search_fields = (
        "public_id",
        "user_agent",
        "remote_address",
        "person_name",
        "person_email",
    )
    ordering_fields: ClassVar = {"created_at": "id", "expires_at": "expires_at"}

    def get_serializer_class(self) -> type[SessionSerializer]:
        return SessionDetailSerializer if self.action == "retrieve" else SessionSerializer

    @extend_schema(request=None, responses=SessionSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, id: str) -> Response:
        """The person who waits on the enrollment page can download the profile."""
        return self._decide(request, approve_session)

    @extend_schema(request=None, responses=SessionSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, id: str) -> Response:
        """The person who waits on the enrollment page is refused."""
        return self._decide(request, reject_session)

    def _decide(self, request: Request, act: Callable[..., None]) -> Response:
        session = self.get_object()
        act(session, actor=get_actor(request), now=timezone.now())
        return self.answer(session)
