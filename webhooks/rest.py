"""`webhooks`: who is told of events, and what came of it."""

import json
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from organization.models import Role
from organization.rest import get_actor
from organization.rest.filters import RowFilters
from organization.rest.permissions import has_role
from organization.rest.views import CollectionViewSet
from scep.protocol.addresses import MAX_URL
from webhooks.errors import WebhookGone, WebhookInvalid, WebhookPaused
from webhooks.models import Delivery, DeliveryState, Webhook, WebhookState
from webhooks.protocol.event_types import EVENT_TYPES, TEST
from webhooks.selectors import hide_path, list_webhooks
from webhooks.services.webhooks import (
    MAX_NAME,
    create_webhook,
    delete_webhook,
    pause_webhook,
    resume_webhook,
    roll_secret,
    send_again,
    send_test,
    update_webhook,
)


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    id = serializers.CharField(source="public_id", read_only=True)
    url = serializers.SerializerMethodField(help_text="Its path only for administrators.")
    events = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            "id",
            "name",
            "url",
            "events",
            "state",
            "pause_reason",
            "failing_since",
            "next_attempt_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_url(self, row: Webhook) -> str:
        is_whole = has_role(self.context["request"], Role.ADMINISTRATOR)
        return row.url if is_whole else hide_path(row.url)


class CreatedWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(
        read_only=True, help_text="`whsec_…`: shown this once, to verify signatures with."
    )

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class NewWebhookSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_NAME)
    url = serializers.CharField(max_length=MAX_URL, help_text="https, on the public Internet.")
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=list(EVENT_TYPES.items())),
        min_length=1,
        max_length=100,
    )


class WebhookChangesSerializer(NewWebhookSerializer):
    state = serializers.ChoiceField(
        choices=WebhookState.choices, required=False, help_text="`paused`: nothing is sent."
    )


class SecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(read_only=True)


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    id = serializers.CharField(source="public_id", read_only=True)
    event = serializers.CharField(
        source="event_id", read_only=True, help_text="The `webhook-id` of the message."
    )
    type = serializers.ChoiceField(
        source="event_type", choices=[TEST, *EVENT_TYPES], read_only=True
    )
    message = serializers.SerializerMethodField(help_text="The body, as it is sent.")

    class Meta:
        model = Delivery
        fields = (
            "id",
            "event",
            "type",
            "message",
            "state",
            "attempts",
            "due_at",
            "last_status",
            "last_error",
            "attempted_at",
            "finished_at",
            "created_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.DictField())
    def get_message(self, row: Delivery) -> Any:
        return json.loads(row.body)


class WebhookViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Other servers that are told of events."""

    write_role = Role.ADMINISTRATOR
    queryset = list_webhooks()
    serializer_class = WebhookSerializer
    lookup_value_regex = "hook_[a-z0-9]+"
    filterset_fields = ("state",)
    search_fields = ("name",)
    ordering_fields: ClassVar = {"created_at": "id", "name": "name"}
    service_errors: ClassVar = {
        WebhookInvalid: (400, "webhook_invalid"),
        WebhookPaused: (409, "webhook_paused"),
        WebhookGone: (404, "not_found"),
    }

    @extend_schema(request=NewWebhookSerializer, responses={201: CreatedWebhookSerializer})
    def create(self, request: Request) -> Response:
        values = self.decode(request, NewWebhookSerializer)
        row, secret = create_webhook(**values, actor=get_actor(request))
        return Response({**self.get_serializer(row).data, "secret": secret}, status=201)

    @extend_schema(request=WebhookChangesSerializer, responses=WebhookSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change name, URL or events, pause or resume; what is not named stays."""
        row, actor = self.get_object(), get_actor(request)
        values = self.decode(request, WebhookChangesSerializer, partial=True)
        state = values.pop("state", None)
        if values:
            update_webhook(row, **values, actor=actor)
        if state is not None:
            (pause_webhook if state == WebhookState.PAUSED else resume_webhook)(row, actor=actor)
        return self.answer(self.get_object())

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Delete it, and what waits for it."""
        delete_webhook(self.get_object(), actor=get_actor(request))
        return Response(status=204)

    @extend_schema(request=None, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, id: str) -> Response:
        """Send a `webhook.test`; its delivery, which is answered, tells what came of it."""
        delivery = send_test(self.get_object(), actor=get_actor(request))
        return Response(DeliverySerializer(delivery).data, status=202)

    @extend_schema(request=None, responses=SecretSerializer)
    @action(detail=True, methods=["post"], url_path="roll-secret")
    def roll(self, request: Request, id: str) -> Response:
        """Make a new secret; for 24 hours messages are signed with the earlier one as well."""
        secret = roll_secret(self.get_object(), actor=get_actor(request))
        return Response({"secret": secret})


class DeliveryFilters(RowFilters):
    state = filters.ChoiceFilter(choices=DeliveryState.choices)
    type = filters.ChoiceFilter(
        field_name="event_type", choices=[(name, name) for name in (TEST, *EVENT_TYPES)]
    )


@extend_schema(parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH)])
class DeliveryViewSet(ListModelMixin, CollectionViewSet):
    """What a webhook was sent, or is to be sent."""

    write_role = Role.ADMINISTRATOR
    queryset = Delivery.objects.all()
    serializer_class = DeliverySerializer
    filterset_class = DeliveryFilters
    service_errors: ClassVar = WebhookViewSet.service_errors

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return super().filter_queryset(queryset.filter(webhook_id=self._get_webhook().pk))

    @extend_schema(
        operation_id="webhooks_deliveries_send_again",
        parameters=[OpenApiParameter("delivery", str, OpenApiParameter.PATH)],
        request=None,
        responses={202: DeliverySerializer},
    )
    def send_again(self, request: Request, id: str, delivery: str) -> Response:
        """Send the same message again, with the same id, now."""
        rows = Delivery.objects.filter(webhook_id=self._get_webhook().pk)
        row = send_again(get_object_or_404(rows, public_id=delivery), actor=get_actor(request))
        return Response(DeliverySerializer(row).data, status=202)

    def _get_webhook(self) -> Webhook:
        return get_object_or_404(list_webhooks(), public_id=self.kwargs["id"])
