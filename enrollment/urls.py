from django.urls import URLPattern, URLResolver, path, re_path

from enrollment import console, views
from enrollment.rest.invitations import InvitationViewSet, TokenInvitationsViewSet
from enrollment.rest.log import LogViewSet, TimelineViewSet
from enrollment.rest.sessions import SessionViewSet
from enrollment.rest.tokens import TokenViewSet
from organization.rest.routing import build_router

urlpatterns: list[URLPattern] = [
    # Typed, or mended by a mail program, an address may end in a slash.
    re_path(r"^enroll/?\Z", views.show_landing, name="enroll"),
    re_path(r"^e/(?P<code>[^/]+)/?\Z", views.follow_short_link, name="enroll_short"),
    path("enroll/profile", views.download_profile, name="enroll_profile"),
    path("enroll/sign-in", views.start_sign_in, name="enroll_sign_in"),
    path("enroll/signed-in", views.take_signed_in, name="enroll_signed_in"),
    path("enroll/sessions", views.create_session, name="enroll_sessions"),
    path("enroll/sessions/<str:session_id>", views.show_session, name="enroll_session"),
    path(
        "enroll/sessions/<str:session_id>/profile",
        views.download_session_profile,
        name="enroll_session_profile",
    ),
    path(
        "enroll/profile-service/<str:session_id>",
        views.answer_profile_service,
        name="enroll_profile_service",
    ),
    path("enroll/trusted", views.answer_trust_check, name="enroll_trusted"),
    path("enroll/kiosk/<str:kiosk_id>", views.show_kiosk, name="enroll_kiosk"),
    path("enroll/kiosk/<str:kiosk_id>/code", views.refresh_kiosk, name="enroll_kiosk_code"),
    path("enroll/ca.mobileconfig", views.download_root_profile, name="enroll_ca_profile"),
    path("enroll/ca.pem", views.download_root_pem, name="enroll_ca_pem"),
    path("enroll/ca.cer", views.download_root_der, name="enroll_ca_der"),
]
console_urlpatterns: list[URLPattern] = console.console_urlpatterns

router = build_router()
router.register("enrollment/tokens", TokenViewSet, basename="tokens")
router.register("enrollment/invitations", InvitationViewSet, basename="invitations")
router.register("enrollment/sessions", SessionViewSet, basename="sessions")
router.register("enrollment/log", LogViewSet, basename="log")

rest_urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
    re_path(
        "^enrollment/tokens/(?P<id>[0-9a-f-]{36})/invitations$",
        TokenInvitationsViewSet.as_view({"get": "list", "post": "create"}),
        name="token-invitations",
    ),
    re_path(
        "^devices/(?P<id>dev_[a-z0-9]+)/timeline$",
        TimelineViewSet.as_view({"get": "list"}),
        name="device-timeline",
    ),
]
