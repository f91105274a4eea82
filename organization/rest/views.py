"""What every view of the REST interface is made of, and the description of them all."""

import functools
from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.generic import TemplateView
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet, ViewSet

from organization.models import Role
from organization.rest import openapi  # noqa: F401 - registers the authentication scheme
from organization.rest.errors import ServiceErrors
from organization.rest.json_types import find_mistyped
from organization.rest.parsers import EncodingUnsupported

NO_FIELD = "is not a field of this request"
NO_PARAMETER = "is not a parameter of this request"


class RestViewSet(ViewSet):
    """A view of programs: by role, never cached, service errors answered by table."""

    read_role: Role = Role.AUDITOR
    write_role: Role = Role.OPERATOR
    action_roles: ClassVar[dict[str, Role]] = {}
    service_errors: ClassVar[ServiceErrors] = {}
    # OPTIONS would be in every `Allow` and is never answered: the document tells what there is.
    http_method_names = [name for name in ViewSet.http_method_names if name != "options"]

    # What an operation that is no list takes in the query; a list's filters are its own.
    parameters: ClassVar[frozenset[str]] = frozenset()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what would be passed over: `POST groups?dry_run=1` would make a group."""
        super().initial(request, *args, **kwargs)
        if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise EncodingUnsupported
        if self.action in (None, "list"):
            return
        unknown = [name for name in request.query_params if name not in self.parameters]
        if unknown:
            raise ValidationError({name: [NO_PARAMETER] for name in sorted(unknown)})

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response

    @staticmethod
    def decode(request: Request, serializer: type[Serializer[Any]], **options: Any) -> Any:
        """Return the body's values as `serializer` checks them; raises ValidationError.

        A name that the serializer does not have is refused: a misspelt `hold_for_approval` would
        make a token that holds nothing. So is a value of JSON of another type than the document's.
        """
        decoder = serializer(data=request.data, **options)
        decoder.is_valid(raise_exception=True)
        is_form = isinstance(request.data, QueryDict)  # in which everything is text
        if mistyped := None if is_form else find_mistyped(decoder, request.data):
            raise ValidationError(mistyped)
        unknown = [name for name in request.data if name not in decoder.fields]
        if unknown:
            raise ValidationError({name: [NO_FIELD] for name in unknown})
        return decoder.validated_data


class CollectionViewSet(RestViewSet, GenericViewSet[Any]):
    """Rows by public id. `ordering_fields` maps the names that lists are ordered by to columns."""

    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = "[a-z]+_[a-z0-9]+"

    def answer(self, row: Model, *, status: int = 200) -> Response:
        return Response(self.get_serializer(row).data, status=status)


@functools.cache
def build_document() -> bytes:
    """Return the OpenAPI document as JSON; made once, for it is the same for everybody."""
    generator: Any = SchemaGenerator
    document = generator().get_schema(request=None, public=True)
    return OpenApiJsonRenderer().render(document, renderer_context={})


def show_schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document of this interface; it holds no secret, so anybody may read it."""
    return HttpResponse(build_document(), content_type="application/vnd.oai.openapi+json")


class Docs(TemplateView):
    """The same document, to read and try out in a browser."""

    template_name = "rest/docs.html"
