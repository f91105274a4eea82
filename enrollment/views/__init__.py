from enrollment.views.kiosk import refresh_kiosk, show_kiosk
from enrollment.views.landing import show_landing
from enrollment.views.profile import download_profile, download_session_profile
from enrollment.views.profile_service import answer_profile_service
from enrollment.views.sessions import create_session, show_session
from enrollment.views.short import follow_short_link
from enrollment.views.sign_in import start_sign_in, take_signed_in
from enrollment.views.trust import (
    answer_trust_check,
    download_root_der,
    download_root_pem,
    download_root_profile,
)

__all__ = [
    "answer_profile_service",
    "answer_trust_check",
    "create_session",
    "download_profile",
    "download_root_der",
    "download_root_pem",
    "download_root_profile",
    "download_session_profile",
    "follow_short_link",
    "refresh_kiosk",
    "show_kiosk",
    "show_landing",
    "show_session",
    "start_sign_in",
    "take_signed_in",
]
