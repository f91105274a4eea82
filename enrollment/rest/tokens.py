"""`enrollment/tokens`."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import Device, Group
from enrollment.errors import LeakInvalid, NotReady, TokenInvalid
from enrollment.models import EnrollmentToken, TokenState
from enrollment.protocol.access_rights import FULL, RIGHTS_LEVELS
from enrollment.protocol.serial_numbers import MOST_SERIALS
from enrollment.rest.expiry import ExpiryField
from enrollment.selectors import find_token_warnings, get_token_state, list_tokens
from enrollment.services.allow_list import list_allowed_serials
from enrollment.services.leaks import ACTIONS, UNENROLL, respond_to_leak
from enrollment.services.qr import build_qr_png, build_qr_svg
from enrollment.services.short_links import build_short_url
from enrollment.services.token_texts import build_enrollment_url
from enrollment.services.tokens import MAX_NAME, MAX_USES, create_token, revoke_token
from organization.models import Role
from organization.rest import get_actor
from organization.rest.fields import RowField, RowsField
from organization.rest.filters import RowFilters
from organization.rest.permissions import has_role, require_role
from organization.rest.repeatable import IDEMPOTENCY_KEY, REPEATABLE_ERRORS, make_repeatably
from organization.rest.views import CollectionViewSet
from scep.models import ScepProfile

DEFAULT_USES = 100


class TokenSerializer(serializers.ModelSerializer[EnrollmentToken]):
    """A token without its text: lists never hold what enrolls a device."""

    group = serializers.CharField(
        source="group_public_id",
        read_only=True,
        help_text="Of a dead token, the group may have been deleted.",
    )
    group_name = serializers.CharField(read_only=True)
    scep_profile = serializers.SerializerMethodField(
        help_text="Null for none; of a dead token, it may have been deleted."
    )
    uses = serializers.IntegerField(source="use_count", read_only=True)
    state = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField(
        help_text="Log codes of what will soon end it: `token_expiring`, `token_running_out`."
    )

    class Meta:
        model = EnrollmentToken
        fields: tuple[str, ...] = (
            "jti",
            "name",
            "group",
            "group_name",
            "scep_profile",
            "expires_at",
            "max_uses",
            "profile_service",
            "sign_in_required",
            "allowed_serial_count",
            "hold_for_approval",
            "uses",
            "rights",
            "state",
            "warnings",
            "created_at",
            "created_by",
            "revoked_at",
            "revoked_by",
        )
        read_only_fields = fields

    def get_scep_profile(self, token: EnrollmentToken) -> str | None:
        return token.scep_profile_public_id or None

    def get_state(self, token: EnrollmentToken) -> TokenState:
        return get_token_state(token, now=timezone.now())

    def get_warnings(self, token: EnrollmentToken) -> list[str]:
        return find_token_warnings(token, now=timezone.now())


class TokenWithUrlSerializer(TokenSerializer):
    url = serializers.SerializerMethodField(
        help_text="The enrollment URL; null for a key that may only read."
    )

    short_url = serializers.SerializerMethodField(
        help_text="The short link to it; null for a key that may only read."
    )

    allowed_serials = serializers.SerializerMethodField(
        help_text="The only devices that may enroll; empty: every device."
    )

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "allowed_serials", "url", "short_url")
        read_only_fields = fields

    def get_allowed_serials(self, token: EnrollmentToken) -> list[str]:
        return list_allowed_serials(token) if token.allowed_serial_count else []

    def get_url(self, token: EnrollmentToken) -> str | None:
        return build_enrollment_url(token) if self._may_enroll() else None

    def get_short_url(self, token: EnrollmentToken) -> str | None:
        return build_short_url(token) if self._may_enroll() else None

    def _may_enroll(self) -> bool:
        return has_role(self.context["request"], Role.OPERATOR)


class NewTokenSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_NAME)
    group = RowField(queryset=Group.objects.all())
    scep_profile: Any = RowField(
        queryset=ScepProfile.objects.all(),
        allow_null=True,
        default=None,
        help_text="None: the profile carries an identity made for its session.",
    )
    expires_at = ExpiryField()
    max_uses = serializers.IntegerField(
        min_value=0, max_value=MAX_USES, default=DEFAULT_USES, help_text="0 = unlimited."
    )
    rights = serializers.ChoiceField(
        choices=[(level.name, level.label) for level in RIGHTS_LEVELS.values()],
        default=FULL,
        help_text="How much its profiles ask for; it cannot be changed later.",
    )
    profile_service = serializers.BooleanField(
        default=False,
        help_text="The device tells its serial number and UDID before it gets a certificate.",
    )
    hold_for_approval = serializers.BooleanField(
        default=False, help_text="Each device waits until an administrator has approved it."
    )
    sign_in_required = serializers.BooleanField(
        default=False,
        help_text="People sign in at the identity provider (GUARDMDM_OIDC_ISSUER) first.",
    )
    allowed_serials = serializers.ListField(
        child=serializers.CharField(max_length=64),
        max_length=MOST_SERIALS,
        default=list,
        help_text="Serial numbers of the only devices that may enroll; empty: every device.",
    )


class LeakSerializer(serializers.Serializer[Any]):
    action = serializers.ChoiceField(
        choices=ACTIONS,
        help_text="Of the devices: keep them, move them to `group`, or unenroll them.",
    )
    devices = RowsField(
        queryset=Device.objects.only("public_id"),
        allow_null=True,
        default=None,
        help_text="Without: all whose present enrollment came by the token.",
    )
    group = RowField(
        queryset=Group.objects.all(),
        allow_null=True,
        default=None,
        help_text="Where to; without: the group “Quarantine”, made without policies if need be.",
    )


class LeakAnswerSerializer(serializers.Serializer[Any]):
    token = TokenSerializer(read_only=True)
    bulk_command = serializers.CharField(
        source="bulk_command.public_id",
        default=None,
        allow_null=True,
        read_only=True,
        help_text="`blk_…`, what is done by and by; null where nothing is.",
    )


class TokenFilters(RowFilters):
    state = filters.ChoiceFilter(choices=TokenState.choices, method="filter_state")
    group = filters.CharFilter(field_name="group__public_id")
    scep_profile = filters.CharFilter(field_name="scep_profile__public_id")

    def filter_state(self, tokens: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return tokens & list_tokens(now=timezone.now(), state=value)


class TokenViewSet(ListModelMixin, RetrieveModelMixin, CollectionViewSet):
    """Enrollment tokens; a token's id is its `jti`."""

    queryset = EnrollmentToken.objects.filter(parent=None).select_related(
        "group", "scep_profile", "organization", "signing_key"
    )
    lookup_field = "jti"
    lookup_value_regex = "[0-9a-f-]{36}"
    filterset_class = TokenFilters
    search_fields = ("name", "created_by")
    ordering_fields: ClassVar = {
        "created_at": "id",
        "name": "name",
        "expires_at": "expires_at",
        "uses": "use_count",
    }
    action_roles: ClassVar = dict.fromkeys(
        ("qr_svg", "qr_png", "short_qr_svg", "short_qr_png"), Role.OPERATOR
    )
    service_errors: ClassVar = {
        TokenInvalid: (400, "invalid"),
        LeakInvalid: (400, "leak_invalid"),
        NotReady: (503, "not_set_up"),
        **REPEATABLE_ERRORS,
    }

    def get_serializer_class(self) -> Any:
        return TokenSerializer if self.action == "list" else TokenWithUrlSerializer

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=NewTokenSerializer,
        responses={201: TokenWithUrlSerializer},
    )
    def create(self, request: Request) -> Response:
        values, actor = self.decode(request, NewTokenSerializer), get_actor(request)
        jti = make_repeatably(request, lambda: str(create_token(**values, actor=actor).jti))
        return self.answer(get_object_or_404(self.get_queryset(), jti=jti), status=201)

    @extend_schema(request=None, responses=TokenWithUrlSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """From the next request on, nothing that was made from the token enrolls a device."""
        token = self.get_object()
        revoke_token(token, actor=get_actor(request))
        return self.answer(token)

    @extend_schema(request=LeakSerializer, responses=LeakAnswerSerializer)
    @action(detail=True, methods=["post"])
    def leaked(self, request: Request, id: str) -> Response:
        """Revoke the token, and move or unenroll devices that came by it, in one audited step."""
        values, token = self.decode(request, LeakSerializer), self.get_object()
        if values["action"] == UNENROLL:
            require_role(request, Role.ADMINISTRATOR, what="Unenrolling")
        devices = values["devices"]
        bulk = respond_to_leak(
            token,
            action=values["action"],
            devices=None if devices is None else [device.pk for device in devices],
            group=values["group"],
            actor=get_actor(request),
        )
        token = self.get_object()
        return Response(LeakAnswerSerializer({"token": token, "bulk_command": bulk}).data)

    @extend_schema(responses={(200, "image/svg+xml"): OpenApiTypes.BINARY})
    @action(detail=True, url_path=r"qr\.svg")
    def qr_svg(self, request: Request, id: str) -> HttpResponse:
        """The enrollment URL as a QR code."""
        svg = build_qr_svg(build_enrollment_url(self.get_object()))
        return HttpResponse(svg, content_type="image/svg+xml")

    @extend_schema(responses={(200, "image/png"): OpenApiTypes.BINARY})
    @action(detail=True, url_path=r"qr\.png")
    def qr_png(self, request: Request, id: str) -> HttpResponse:
        """The enrollment URL as a QR code."""
        png = build_qr_png(build_enrollment_url(self.get_object()))
        return HttpResponse(png, content_type="image/png")

    @extend_schema(responses={(200, "image/svg+xml"): OpenApiTypes.BINARY})
    @action(detail=True, url_path=r"short-qr\.svg")
    def short_qr_svg(self, request: Request, id: str) -> HttpResponse:
        """The short link as a QR code, which has far fewer dots."""
        svg = build_qr_svg(build_short_url(self.get_object()))
        return HttpResponse(svg, content_type="image/svg+xml")

    @extend_schema(responses={(200, "image/png"): OpenApiTypes.BINARY})
    @action(detail=True, url_path=r"short-qr\.png")
    def short_qr_png(self, request: Request, id: str) -> HttpResponse:
        """The short link as a QR code, which has far fewer dots."""
        png = build_qr_png(build_short_url(self.get_object()))
        return HttpResponse(png, content_type="image/png")
