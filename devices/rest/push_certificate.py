"""`push-certificate`: whether devices can be woken, and until when."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import PushCertificate
from devices.selectors import find_push_certificate
from organization.rest.views import RestViewSet


class PushCertificateSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=["missing", "valid", "expired"])
    topic = serializers.CharField(allow_null=True)
    apple_account = serializers.CharField(allow_null=True)
    not_after = serializers.DateTimeField(allow_null=True)


class PushCertificateView(RestViewSet):
    """The APNs push certificate."""

    @extend_schema(operation_id="push_certificate_retrieve", responses=PushCertificateSerializer)
    def retrieve(self, request: Request) -> Response:
        row = find_push_certificate()
        values = {
            "state": _get_state(row),
            "topic": row.topic if row else None,
            "apple_account": row.apple_account if row else None,
            "not_after": row.not_after if row else None,
        }
        return Response(PushCertificateSerializer(values).data)


def _get_state(row: PushCertificate | None) -> str:
    if row is None:
        return "missing"
    is_over = row.not_after is not None and row.not_after <= timezone.now()
    return "expired" if is_over else "valid"
