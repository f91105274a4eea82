"""`policies`."""

from typing import Any, ClassVar

from django.db.models import Prefetch
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import Group
from organization.rest import get_actor
from organization.rest.fields import RowsField
from organization.rest.filters import RowFilters
from organization.rest.views import CollectionViewSet
from policies.errors import PolicyInvalid
from policies.models import Policy, PolicyItem
from policies.rest.groups import MAX_DESCRIPTION
from policies.rest.item_serializers import ItemSerializer
from policies.services.policies import (
    NAME_LENGTH,
    create_policy,
    delete_policy,
    update_policy,
)


class PolicySerializer(serializers.ModelSerializer[Policy]):
    id = serializers.CharField(source="public_id", read_only=True)
    groups: Any = serializers.SlugRelatedField(slug_field="public_id", many=True, read_only=True)
    items = ItemSerializer(many=True, read_only=True)

    class Meta:
        model = Policy
        fields = ("id", "name", "description", "groups", "items", "created_at", "updated_at")
        read_only_fields = fields


class PolicyValuesSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=NAME_LENGTH)
    description = serializers.CharField(
        max_length=MAX_DESCRIPTION, required=False, allow_blank=True
    )
    groups = RowsField(queryset=Group.objects.all(), required=False)


class PolicyFilters(RowFilters):
    name = filters.CharFilter()
    group = filters.CharFilter(field_name="groups__public_id")


class PolicyViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Sets of items that every device of their groups should have."""

    queryset = Policy.objects.prefetch_related(
        "groups", Prefetch("items", PolicyItem.objects.defer("profile").select_related("package"))
    )
    serializer_class = PolicySerializer
    lookup_value_regex = "pol_[a-z0-9]+"
    filterset_class = PolicyFilters
    search_fields = ("name", "description")
    ordering_fields: ClassVar = {"created_at": "id", "name": "name"}
    ordering = "name"
    service_errors: ClassVar = {PolicyInvalid: (400, "invalid")}

    @extend_schema(request=PolicyValuesSerializer, responses={201: PolicySerializer})
    def create(self, request: Request) -> Response:
        values = self.decode(request, PolicyValuesSerializer)
        return self.answer(create_policy(**values, actor=get_actor(request)), status=201)

    @extend_schema(request=PolicyValuesSerializer, responses=PolicySerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change what the body names; `groups` replaces all of its groups."""
        policy = self.get_object()
        values = self.decode(request, PolicyValuesSerializer, partial=True)
        update_policy(policy, **values, actor=get_actor(request))
        return self.answer(self.get_queryset().get(pk=policy.pk))

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Its items are removed from the devices that have them."""
        delete_policy(self.get_object(), actor=get_actor(request))
        return Response(status=204)
