"""`devices/{id}/policy-status`: how far a device is from what it should have."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import Device
from organization.rest import get_actor
from organization.rest.views import RestViewSet
from policies.errors import NothingToRetry
from policies.models import ItemKind, ItemState
from policies.selectors import find_status, get_progress, list_item_statuses
from policies.services.retry import retry_item


class ItemProgressSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="item.public_id", default=None, allow_null=True)
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=ItemKind.choices)
    identifier = serializers.CharField(
        help_text="PayloadIdentifier, bundle identifier or number in the App Store."
    )
    state = serializers.ChoiceField(choices=ItemState.choices)
    error = serializers.CharField()
    updated_at = serializers.DateTimeField(allow_null=True)


class PolicyProgressSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="policy.public_id", default=None, allow_null=True)
    name = serializers.CharField(source="policy.name", default=None, allow_null=True)
    items = ItemProgressSerializer(many=True)


class ProgressSerializer(serializers.Serializer[Any]):
    installed = serializers.IntegerField()
    failed = serializers.IntegerField()
    pending = serializers.IntegerField()
    total = serializers.IntegerField()
    policies = PolicyProgressSerializer(
        many=True, help_text="The last one without an id: what no policy asks for any more."
    )


class RetriedItemSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=ItemKind.choices)
    identifier = serializers.CharField(max_length=255, help_text="As the policy status has it.")


class PolicyStatusView(RestViewSet):
    service_errors: ClassVar = {NothingToRetry: (409, "nothing_to_retry")}

    @extend_schema(
        operation_id="devices_policy_status_retrieve",
        parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH)],
        responses=ProgressSerializer,
    )
    def retrieve(self, request: Request, id: str) -> Response:
        """Its items by policy, each with its state and the device's own words if it failed."""
        device = get_object_or_404(Device, public_id=id)
        progress = get_progress(device)
        values = {
            "installed": progress.installed,
            "failed": progress.failed,
            "pending": progress.pending,
            "total": progress.total,
            "policies": list_item_statuses(device),
        }
        return Response(ProgressSerializer(values).data)

    @extend_schema(
        operation_id="devices_policy_status_retry",
        parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH)],
        request=RetriedItemSerializer,
        responses={202: None},
    )
    def retry(self, request: Request, id: str) -> Response:
        """Begin anew with an item that has failed, whatever has been tried.

        Refused (409, `nothing_to_retry`) where it is installed, on its way, or gone.
        """
        device = get_object_or_404(Device, public_id=id)
        status = find_status(device, **self.decode(request, RetriedItemSerializer))
        if status is None or not retry_item(status, actor=get_actor(request)):
            raise NothingToRetry("There is nothing to try again.")
        return Response(status=202)
