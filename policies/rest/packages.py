"""`packages`: uploaded apps of one's own."""

from collections.abc import Mapping
from typing import IO, Any, ClassVar

from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from devices.errors import CommandInvalid, NotEnrolled
from devices.models import Device, Platform
from devices.rest.commands import CommandSerializer
from organization.rest import get_actor
from organization.rest.fields import RowField
from organization.rest.filters import RowFilters
from organization.rest.parsers import StrictJSONParser
from organization.rest.views import CollectionViewSet
from policies.errors import PackageInUse, PackageInvalid, PackageTooLarge
from policies.models import Package, PackageKind
from policies.services.package_files import IncomingFile, check_room
from policies.services.packages import (
    add_package,
    check_file_name,
    delete_package,
    install_package,
)

PORTION = 1024 * 1024
FILE_NAME = OpenApiParameter(
    "file_name", str, OpenApiParameter.QUERY, required=True, description="Ends in .ipa or .pkg."
)


class LengthMissing(Exception):
    """A body in chunks that breaks off looks like one that has ended (docs/adr/0206)."""


class PackageParser(BaseParser):
    """The body is the file itself, which is read in portions and never held as a whole."""

    media_type = "application/octet-stream"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return stream


class PackageSerializer(serializers.ModelSerializer[Package]):
    """A package without the address that devices fetch it from."""

    id = serializers.CharField(source="public_id", read_only=True)
    platforms = serializers.ListField(child=serializers.ChoiceField(choices=Platform.choices))
    bundles = serializers.DictField(
        child=serializers.CharField(),
        help_text="Of a macOS package: the version of each app, by bundle identifier.",
    )

    class Meta:
        model = Package
        fields = (
            "id",
            "kind",
            "name",
            "identifier",
            "version",
            "minimum_os",
            "platforms",
            "bundles",
            "signer",
            "file_name",
            "size",
            "sha256",
            "created_at",
        )
        read_only_fields = fields


class InstallSerializer(serializers.Serializer[Any]):
    device = RowField(queryset=Device.objects.all())


class PackageFilters(RowFilters):
    kind = filters.MultipleChoiceFilter(choices=PackageKind.choices, distinct=False)
    identifier = filters.CharFilter()
    sha256 = filters.CharFilter()


class PackageViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Apps and packages of one's own, which policies install."""

    queryset = Package.objects.defer("chunk_sha256s", "chunk_md5s")
    serializer_class = PackageSerializer
    parser_classes = (PackageParser,)
    parameters: ClassVar = frozenset({"file_name"})
    lookup_value_regex = "pkg_[a-z0-9]+"
    filterset_class = PackageFilters
    search_fields = ("name", "identifier", "version", "file_name")
    ordering_fields: ClassVar = {"created_at": "id", "name": "name", "size": "size"}
    service_errors: ClassVar = {
        LengthMissing: (411, "length_required"),
        PackageTooLarge: (413, "body_too_large"),
        PackageInvalid: (400, "package_invalid"),
        PackageInUse: (409, "package_in_use"),
        NotEnrolled: (409, "not_enrolled"),
        CommandInvalid: (400, "command_invalid"),
    }

    @extend_schema(
        parameters=[FILE_NAME],
        request={PackageParser.media_type: OpenApiTypes.BINARY},
        responses={201: PackageSerializer},
    )
    def create(self, request: Request) -> Response:
        """Upload an .ipa or .pkg as the body; the same content again is the package that is there.

        A program streams it: `curl -X POST -T App.ipa -H 'Content-Type:
        application/octet-stream'`.
        """
        name = request.query_params.get("file_name", "")
        check_file_name(name)  # before gigabytes come
        if "HTTP_TRANSFER_ENCODING" in request.META:
            raise LengthMissing("Content-Length is missing: send the body from a file, not a pipe.")
        stream = request.data
        if not hasattr(stream, "read"):  # nothing
            raise PackageInvalid("The body is empty: it must be the file.")
        announced = request.META.get("CONTENT_LENGTH") or "0"
        check_room(int(announced) if announced.isdigit() else 0)
        incoming = IncomingFile()
        try:
            while portion := stream.read(PORTION):
                incoming.write(portion)
            package = add_package(incoming, file_name=name, actor=get_actor(request))
        finally:
            incoming.close()
        return self.answer(package, status=201)

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Devices keep what they have. 409 while a policy installs it."""
        delete_package(self.get_object(), actor=get_actor(request))
        return Response(status=204)

    @extend_schema(request=InstallSerializer, responses={201: CommandSerializer})
    @action(detail=True, methods=["post"], parser_classes=(StrictJSONParser,))
    def install(self, request: Request, id: str) -> Response:
        """Install it on one device, once."""
        device = self.decode(request, InstallSerializer)["device"]
        command = install_package(self.get_object(), device=device, actor=get_actor(request))
        return Response(CommandSerializer(command).data, status=201)
