"""`doctor`: what the server needs and how it is, for programs that watch it."""

from typing import Any

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guardmdm.examination import find_latest, is_running, start_examination
from guardmdm.models import Examination
from organization.models import Role
from organization.rest.views import RestViewSet


class FindingSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    text = serializers.CharField()
    fix = serializers.CharField(allow_blank=True, help_text="Empty where all is well.")
    is_failure = serializers.BooleanField(help_text="False with a fix is a warning.")


class ExaminationSerializer(serializers.Serializer[Any]):
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    is_running = serializers.BooleanField()
    findings = FindingSerializer(many=True)


class DoctorView(RestViewSet):
    read_role = write_role = Role.ADMINISTRATOR

    @extend_schema(responses=ExaminationSerializer)
    def retrieve(self, request: Request) -> Response:
        """The latest examination; its findings come one by one while it runs."""
        return _answer(find_latest())

    @extend_schema(request=None, responses={202: ExaminationSerializer})
    def create(self, request: Request) -> Response:
        """Examine everything now, unless that is under way; it takes up to a minute."""
        return _answer(start_examination(now=timezone.now()), status=202)


def _answer(examination: Examination | None, *, status: int = 200) -> Response:
    values = {
        "started_at": examination and examination.started_at,
        "finished_at": examination and examination.finished_at,
        "is_running": is_running(examination, now=timezone.now()),
        "findings": examination.findings if examination else [],
    }
    return Response(ExaminationSerializer(values).data, status=status)


rest_urlpatterns: list[URLPattern] = [
    path("doctor", DoctorView.as_view({"get": "retrieve", "post": "create"}), name="doctor"),
]
