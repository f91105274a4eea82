"""`scep/requests`: SCEP requests that wait for an administrator, and those decided."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from organization.models import Role
from organization.rest import get_actor
from organization.rest.filters import RowFilters
from organization.rest.views import CollectionViewSet
from scep.errors import RequestDecided, RequestOver
from scep.models import HeldRequest, HeldRequestState
from scep.selectors import build_token_expression, filter_by_token
from scep.services.held_decisions import MOST_AT_ONCE, decide_requests
from scep.services.held_requests import approve_request, reject_request

DECISIONS = {"approve": HeldRequestState.APPROVED, "reject": HeldRequestState.REJECTED}


class HeldRequestSerializer(serializers.ModelSerializer[HeldRequest]):
    id = serializers.CharField(source="public_id", read_only=True)
    scep_profile: Any = serializers.SlugRelatedField(slug_field="public_id", read_only=True)
    session = serializers.CharField(source="session_id", read_only=True)
    token = serializers.CharField(
        read_only=True,
        help_text="Its jti: of the token that was the challenge, else of the session's.",
    )
    certificate: Any = serializers.SlugRelatedField(
        slug_field="public_id", read_only=True, allow_null=True
    )

    class Meta:
        model = HeldRequest
        fields = (
            "id",
            "state",
            "common_name",
            "transaction_id",
            "public_key_sha256",
            "scep_profile",
            "session",
            "token",
            "remote_address",
            "certificate",
            "decided_at",
            "decided_by",
            "created_at",
        )
        read_only_fields = fields


class DecisionSerializer(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(choices=list(DECISIONS))
    requests = serializers.ListField(
        child=serializers.CharField(max_length=32), min_length=1, max_length=MOST_AT_ONCE
    )


class RefusedDecisionSerializer(serializers.Serializer[Any]):
    request = serializers.CharField()
    reason = serializers.CharField()


class DecisionsSerializer(serializers.Serializer[Any]):
    done = serializers.IntegerField(help_text="How many were decided now.")
    refused = RefusedDecisionSerializer(
        many=True, help_text="Those that were decided before, or are over."
    )


class HeldRequestFilters(RowFilters):
    state = filters.ChoiceFilter(choices=HeldRequestState.choices)
    scep_profile = filters.CharFilter(field_name="scep_profile__public_id")
    session = filters.CharFilter(field_name="session_id")
    token = filters.CharFilter(
        method="filter_token", help_text="Its jti; those of tokens made from it come along."
    )

    def filter_token(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return filter_by_token(rows, value)


class HeldRequestViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Enrollments that an administrator approves or rejects."""

    write_role = Role.ADMINISTRATOR
    queryset = HeldRequest.objects.select_related("scep_profile", "certificate").defer(
        "scep_profile__static_challenge", "scep_profile__hook_password", "certificate__certificate"
    )
    serializer_class = HeldRequestSerializer
    lookup_value_regex = "req_[a-z0-9]+"
    filterset_class = HeldRequestFilters
    search_fields = ("common_name", "transaction_id", "session_id", "token_id")
    ordering_fields: ClassVar = {"created_at": "id"}
    service_errors: ClassVar = {
        RequestDecided: (409, "request_decided"),
        RequestOver: (409, "request_over"),
    }

    def get_queryset(self) -> QuerySet[HeldRequest]:
        return super().get_queryset().annotate(token=build_token_expression())

    @extend_schema(request=None, responses=HeldRequestSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, id: str) -> Response:
        """The device gets its certificate when it asks again; 409 where its session is over."""
        return self._decide(request, approve_request)

    @extend_schema(request=None, responses=HeldRequestSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, id: str) -> Response:
        """The device is refused when it asks again."""
        return self._decide(request, reject_request)

    @extend_schema(request=DecisionSerializer, responses=DecisionsSerializer)
    @action(detail=False, methods=["post"])
    def decide(self, request: Request) -> Response:
        """Approve or reject many, each on its own; what there is not is left out."""
        values = self.decode(request, DecisionSerializer)
        decisions = decide_requests(
            values["requests"],
            state=DECISIONS[values["decision"]],
            actor=get_actor(request),
            now=timezone.now(),
        )
        refused = [{"request": key, "reason": reason} for key, reason in decisions.refused]
        answer = {"done": decisions.done, "refused": refused}
        return Response(DecisionsSerializer(answer).data)

    def _decide(self, request: Request, act: Callable[..., None]) -> Response:
        row = self.get_object()
        act(row, actor=get_actor(request), now=timezone.now())
        return self.answer(row)
