"""`push-certificate`: whether devices can be woken, until when, and how that goes on."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from devices.errors import (
    PushCertificateInvalid,
    PushCertificateMissing,
    TopicChanged,
    VendorCertificateInvalid,
)
from devices.models import PushCertificate, PushCertificateState
from devices.selectors import (
    count_devices_beyond_topic,
    count_devices_on_topic,
    find_push_certificate,
    find_refusal,
)
from devices.services.push.certificate import (
    annotate_push_certificate,
    create_csr,
    create_push_request,
    import_push_certificate,
)
from organization.models import Role
from organization.rest import get_actor
from organization.rest.fields import Base64File
from organization.rest.views import RestViewSet

MAX_FILE = 300_000  # bytes


class PushCertificateSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=PushCertificateState.choices)
    refusal = serializers.CharField(
        allow_null=True, help_text="Why APNs refuses it; empty where it does not."
    )
    topic = serializers.CharField(allow_null=True)
    apple_account = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_null=True)
    serial = serializers.CharField(allow_null=True)
    not_after = serializers.DateTimeField(allow_null=True)
    devices = serializers.IntegerField(help_text="Enrolled devices that listen to its topic.")
    devices_lost = serializers.IntegerField(
        help_text="Enrolled devices that listen to another topic and cannot be woken."
    )


class AnnotationSerializer(serializers.Serializer[Any]):
    apple_account = serializers.CharField(max_length=200, allow_blank=True)
    note = serializers.CharField(max_length=500, allow_blank=True)


class CsrSerializer(serializers.Serializer[Any]):
    csr = serializers.CharField(help_text="PKCS#10, PEM.")


class FilesSerializer(serializers.Serializer[Any]):
    certificate = Base64File(max_bytes=MAX_FILE, help_text="PEM, DER or PKCS#12, as Base64.")
    key = Base64File(
        max_bytes=MAX_FILE, required=False, help_text="Its key where that is a file of its own."
    )
    password = serializers.CharField(
        max_length=1000, default="", allow_blank=True, write_only=True, trim_whitespace=False
    )


class RequestSerializer(serializers.Serializer[Any]):
    request = serializers.CharField(help_text="The file for identity.apple.com/pushcert.")


class PushCertificateFileSerializer(FilesSerializer):
    apple_account = serializers.CharField(max_length=200, default="", allow_blank=True)
    note = serializers.CharField(max_length=500, default="", allow_blank=True)
    accepted_loss = serializers.IntegerField(
        min_value=0, default=0, help_text="With another topic: how many devices may be lost."
    )


class PushCertificateView(RestViewSet):
    """The APNs push certificate."""

    write_role = Role.ADMINISTRATOR
    service_errors: ClassVar = {
        TopicChanged: (409, "topic_changed"),
        PushCertificateInvalid: (400, "push_certificate_invalid"),
        PushCertificateMissing: (409, "push_certificate_missing"),
        VendorCertificateInvalid: (400, "vendor_certificate_invalid"),
    }

    @extend_schema(operation_id="push_certificate_retrieve", responses=PushCertificateSerializer)
    def retrieve(self, request: Request) -> Response:
        return _answer(find_push_certificate())

    @extend_schema(
        operation_id="push_certificate_update",
        request=AnnotationSerializer,
        responses=PushCertificateSerializer,
    )
    def partial_update(self, request: Request) -> Response:
        """Note whose Apple Account renews it."""
        values = self.decode(request, AnnotationSerializer, partial=True)
        return _answer(annotate_push_certificate(**values, actor=get_actor(request)))

    @extend_schema(
        operation_id="push_certificate_import",
        request=PushCertificateFileSerializer,
        responses={200: PushCertificateSerializer},
    )
    def create(self, request: Request) -> Response:
        """Import the certificate that Apple issued, for our request or with its key.

        409 where its topic is another one and more devices would be lost than `accepted_loss`.
        """
        values = self.decode(request, PushCertificateFileSerializer)
        data = values.pop("certificate")
        now, actor = timezone.now(), get_actor(request)
        return _answer(import_push_certificate(data, **values, now=now, actor=actor))

    @extend_schema(operation_id="push_certificate_csr", request=None, responses=CsrSerializer)
    def csr(self, request: Request) -> Response:
        """The certificate request; until its answer is imported, for the same key again."""
        return Response({"csr": create_csr(actor=get_actor(request)).decode()})

    @extend_schema(
        operation_id="push_certificate_request",
        request=FilesSerializer,
        responses=RequestSerializer,
    )
    def sign(self, request: Request) -> Response:
        """The request, signed with an MDM vendor's certificate, which is kept nowhere."""
        values = self.decode(request, FilesSerializer)
        vendor = values.pop("certificate")
        now, actor = timezone.now(), get_actor(request)
        signed = create_push_request(vendor, **values, now=now, actor=actor)
        return Response({"request": signed.decode()})


def _answer(row: PushCertificate | None) -> Response:
    if row is None:
        empty = dict.fromkeys(PushCertificateSerializer().fields, None)
        counts = {"devices": 0, "devices_lost": 0}
        values: dict[str, Any] = {**empty, **counts, "state": PushCertificateState.MISSING}
    else:
        values = {
            "state": row.get_state(timezone.now()),
            "refusal": find_refusal(row),
            "topic": row.topic,
            "apple_account": row.apple_account,
            "note": row.note,
            "serial": row.serial,
            "not_after": row.not_after,
            "devices": count_devices_on_topic(row.topic),
            "devices_lost": count_devices_beyond_topic(row.topic),
        }
    return Response(PushCertificateSerializer(values).data)
