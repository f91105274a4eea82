"""`enrollment/tokens/{id}/invitations`, `enrollment/invitations`: people with their own links."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from enrollment.errors import InvitationRefused, NotReady, TokenRefused
from enrollment.models import EnrollmentToken, Invitation, InvitationState
from enrollment.protocol.invitation_list import (
    MAX_BYTES,
    MAX_PEOPLE,
    InvitedPerson,
    PeopleList,
    check_email,
    decode_people,
)
from enrollment.protocol.languages import LANGUAGES
from enrollment.protocol.person import MAX_EMAIL, MAX_NAME
from enrollment.selectors import (
    filter_invitations,
    get_invitation_state,
    join_tokens,
    list_invitations,
    list_tokens,
)
from enrollment.services.invitations import invite_people, request_mail, revoke_invitation
from enrollment.services.token_texts import build_enrollment_url
from organization.models import Role
from organization.protocol.one_line import is_one_line
from organization.rest import get_actor
from organization.rest.fields import build_choice_error
from organization.rest.filters import RowFilters
from organization.rest.permissions import has_role
from organization.rest.views import CollectionViewSet

TOKEN = OpenApiParameter("id", str, OpenApiParameter.PATH, description="The token's `jti`.")
SERVICE_ERRORS = {
    InvitationRefused: (409, "refused"),
    TokenRefused: (409, "token_dead"),
    NotReady: (503, "not_set_up"),
}


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """A person without the link: lists never hold what enrolls a device."""

    id = serializers.CharField(source="public_id", read_only=True)
    state = serializers.SerializerMethodField()
    device = serializers.CharField(source="device_id", read_only=True, help_text="`dev_…`")

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = (
            "id",
            "name",
            "email",
            "language",
            "state",
            "mailed_at",
            "mail_error",
            "device",
            "enrolled_at",
            "created_at",
        )
        read_only_fields = fields

    def get_state(self, invitation: Invitation) -> InvitationState:
        return get_invitation_state(invitation, now=timezone.now())


class InvitationWithUrlSerializer(InvitationSerializer):
    url = serializers.SerializerMethodField(
        help_text="The person's link; null for a key that may only read."
    )

    class Meta(InvitationSerializer.Meta):
        fields = (*InvitationSerializer.Meta.fields, "url")
        read_only_fields = fields

    def get_url(self, invitation: Invitation) -> str | None:
        allowed = has_role(self.context["request"], Role.OPERATOR)
        return build_enrollment_url(invitation.token) if allowed else None


class PersonSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_NAME, allow_blank=True, default="")
    email = serializers.CharField(max_length=MAX_EMAIL)
    language = serializers.ChoiceField(
        choices=list(LANGUAGES), required=False, help_text="Without: the request's `language`."
    )

    def validate_name(self, value: str) -> str:
        if not is_one_line(value):
            raise serializers.ValidationError("holds a control character")
        return value

    def validate_email(self, value: str) -> str:
        try:
            return check_email(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


class NewInvitationsSerializer(serializers.Serializer[Any]):
    people = serializers.ListField(child=PersonSerializer(), required=False, max_length=MAX_PEOPLE)
    csv = serializers.CharField(
        max_length=MAX_BYTES,
        required=False,
        trim_whitespace=False,
        help_text="Instead of `people`: name, e-mail address, language; a person a line.",
    )
    language = serializers.ChoiceField(choices=list(LANGUAGES), default="en")
    mail = serializers.BooleanField(default=True, help_text="Mail each person their link.")
    leave_out = serializers.BooleanField(
        default=False, help_text="Invite the others where lines of `csv` have mistakes."
    )

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if ("people" in values) is ("csv" in values):
            raise build_choice_error("people", "csv")
        found = PeopleList(people=[InvitedPerson(**row) for row in values.pop("people", [])])
        if "csv" in values:
            found = decode_people(values.pop("csv"))
        if found.problems and not values["leave_out"]:
            lines = [f"line {each.line}: {each.text}" for each in found.problems]
            raise serializers.ValidationError({"csv": lines})
        values["found"] = found
        return values


class LineProblemSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    text = serializers.CharField()


class InvitedSerializer(serializers.Serializer[Any]):
    invited = serializers.IntegerField()
    known = serializers.IntegerField(help_text="People who had a living invitation already.")
    left_out = LineProblemSerializer(many=True)


class InvitationFilters(RowFilters):
    state = filters.ChoiceFilter(choices=InvitationState.choices, method="filter_state")
    email = filters.CharFilter(lookup_expr="iexact")

    def filter_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return filter_invitations(rows, state=value, now=timezone.now())


@extend_schema(parameters=[TOKEN])
class TokenInvitationsViewSet(ListModelMixin, CollectionViewSet):
    """The people whom a token invites."""

    queryset = Invitation.objects.all()
    serializer_class = InvitationSerializer
    filterset_class = InvitationFilters
    search_fields = ("name", "email")
    ordering_fields: ClassVar = {"created_at": "id", "name": "name", "email": "email"}
    service_errors: ClassVar = SERVICE_ERRORS

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return super().filter_queryset(list_invitations(self._get_token()))

    @extend_schema(request=NewInvitationsSerializer, responses={201: InvitedSerializer})
    def create(self, request: Request, id: str) -> Response:
        """Invite people: each gets a one-time link, by mail where a mail server is set."""
        token = self._get_token()
        values = self.decode(request, NewInvitationsSerializer)
        found: PeopleList = values["found"]
        done = invite_people(
            token,
            people=found.people,
            language=values["language"],
            send_mail=values["mail"],
            actor=get_actor(request),
        )
        answer = {"invited": done.invited, "known": done.known, "left_out": found.problems}
        return Response(InvitedSerializer(answer).data, status=201)

    def _get_token(self) -> EnrollmentToken:
        return get_object_or_404(list_tokens(now=timezone.now()), jti=self.kwargs["id"])


class InvitationViewSet(RetrieveModelMixin, CollectionViewSet):
    """One person who is invited."""

    queryset = join_tokens(Invitation.objects.all())
    serializer_class = InvitationWithUrlSerializer
    lookup_value_regex = "inv_[a-z0-9]+"
    service_errors: ClassVar = SERVICE_ERRORS

    @extend_schema(request=None, responses=InvitationWithUrlSerializer)
    @action(detail=True, methods=["post"])
    def mail(self, request: Request, id: str) -> Response:
        """Mail the person their link, or mail it again."""
        invitation = self.get_object()
        request_mail(invitation, actor=get_actor(request))
        return self.answer(self.get_object())

    @extend_schema(request=None, responses=InvitationWithUrlSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """From the next request on the person's link is dead; the others' are not."""
        revoke_invitation(self.get_object(), actor=get_actor(request))
        return self.answer(self.get_object())
