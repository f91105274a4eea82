"""`policies/{id}/items`."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from organization.rest import get_actor
from organization.rest.parsers import StrictJSONParser
from organization.rest.views import RestViewSet
from policies.errors import ItemInvalid, ProfileInvalid
from policies.models import Policy, PolicyItem
from policies.rest.item_serializers import (
    ItemChangesSerializer,
    ItemSerializer,
    NewItemSerializer,
    ProfileUploadSerializer,
)
from policies.rest.uploads import BoundedMultiPartParser, ProfileParser
from policies.services.items import (
    add_app_item,
    add_profile_item,
    configure_app,
    remove_item,
    replace_package,
    replace_profile,
)

UPLOADS = {
    ProfileParser.media_type: OpenApiTypes.BINARY,
    BoundedMultiPartParser.media_type: ProfileUploadSerializer,
}
CHANGES: dict[str, tuple[Callable[..., PolicyItem], str]] = {
    "profile": (replace_profile, "data"),
    "package": (replace_package, "package"),
    "configuration": (configure_app, "configuration"),
}
POLICY = OpenApiParameter("id", str, OpenApiParameter.PATH)
ITEM = OpenApiParameter("item", str, OpenApiParameter.PATH)


class ItemsViewSet(RestViewSet):
    """What a policy puts on devices."""

    parser_classes = (StrictJSONParser, ProfileParser, BoundedMultiPartParser)
    service_errors: ClassVar = {
        ProfileInvalid: (400, "profile_invalid"),
        ItemInvalid: (400, "invalid"),
    }

    def get_parsers(self) -> list[BaseParser]:
        """A form brings a new item; another version of one is a profile or JSON."""
        is_form_taken = self.request is None or self.request.method == "POST"
        parsers = super().get_parsers()
        return [
            each
            for each in parsers
            if is_form_taken or not isinstance(each, BoundedMultiPartParser)
        ]

    @extend_schema(
        operation_id="policies_items_create",
        parameters=[POLICY],
        request={StrictJSONParser.media_type: NewItemSerializer, **UPLOADS},
        responses={201: ItemSerializer},
    )
    def create(self, request: Request, id: str) -> Response:
        """Add a configuration profile or an app."""
        policy = get_object_or_404(Policy, public_id=id)
        values = self._decode_item(request)
        app, add = values.pop("app", None), add_profile_item
        if app is not None:
            values, add = {**values, **app}, add_app_item  # type: ignore[assignment]
        try:
            item = add(policy, **values, actor=get_actor(request))
        except ItemInvalid as error:
            if error.field in (app or {}):
                error.field = f"app.{error.field}"
            raise
        return Response(ItemSerializer(item).data, status=201)

    @extend_schema(
        operation_id="policies_items_replace",
        parameters=[POLICY, ITEM],
        request={
            StrictJSONParser.media_type: ItemChangesSerializer,
            ProfileParser.media_type: OpenApiTypes.BINARY,
        },
        responses=ItemSerializer,
    )
    def update(self, request: Request, id: str, item: str) -> Response:
        """Put another version in its place, or configure an app anew; devices follow."""
        row, data = self._get_item(id, item), request.data
        if isinstance(data, bytes):
            changes: dict[str, Any] = {"profile": data}
        else:
            changes = self.decode(request, ItemChangesSerializer)
        [(name, value)] = changes.items()
        change, argument = CHANGES[name]
        row = change(row, **{argument: value}, actor=get_actor(request))
        return Response(ItemSerializer(row).data)

    @extend_schema(
        operation_id="policies_items_destroy",
        parameters=[POLICY, ITEM],
        request=None,
        responses={204: None},
    )
    def destroy(self, request: Request, id: str, item: str) -> Response:
        """Take it out of the policy, and so off the devices that have it."""
        remove_item(self._get_item(id, item), actor=get_actor(request))
        return Response(status=204)

    def _decode_item(self, request: Request) -> dict[str, Any]:
        """Return add_profile_item's arguments, or add_app_item's with the app's below `app`."""
        if isinstance(request.data, bytes):
            return {"data": request.data}
        if request.content_type.startswith(BoundedMultiPartParser.media_type):
            values: dict[str, Any] = self.decode(request, ProfileUploadSerializer)
            file = values.pop("profile")
            return {**values, "data": file.read()}
        values = self.decode(request, NewItemSerializer)
        if "profile" in values:
            values["data"] = values.pop("profile")
        return values

    @staticmethod
    def _get_item(policy: str, item: str) -> PolicyItem:
        return get_object_or_404(
            PolicyItem.objects.select_related("policy", "package"),
            policy__public_id=policy,
            public_id=item,
        )
