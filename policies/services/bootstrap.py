"""Policies to try the server with."""

from typing import Any

from devices.models import Group, Platform
from devices.protocol.plist import encode_plist
from policies.models import Policy
from policies.protocol.sample_profiles import (
    build_passcode_profile,
    build_restrictions_profile,
    build_screen_lock_profile,
    build_web_clip_profile,
)
from policies.services.items import add_app_item, add_profile_item
from policies.services.policies import create_policy

ACTOR = "manage.py bootstrap"
HANDHELDS = (Platform.IOS, Platform.IPADOS)
SECURITY, ESSENTIALS = "Security baseline", "Work essentials"
HELP_DESK = "https://help.example.com/"
PAGES_STORE_ID, PAGES_BUNDLE_ID = 361309726, "com.apple.Pages"


def ensure_demo_policy(group: Group) -> None:
    """Give the group two policies with items for each platform; what is there stays as it is."""
    if not Policy.objects.filter(name=SECURITY).exists():
        _create_security_baseline(group)
    if not Policy.objects.filter(name=ESSENTIALS).exists():
        _create_work_essentials(group)


def _create_security_baseline(group: Group) -> None:
    policy = create_policy(
        SECURITY, description="Passcode, screen lock and restrictions.", groups=[group], actor=ACTOR
    )
    _add_profile(policy, build_passcode_profile())
    _add_profile(policy, build_restrictions_profile(), platforms=HANDHELDS)
    _add_profile(policy, build_screen_lock_profile(), platforms=(Platform.MACOS,))


def _create_work_essentials(group: Group) -> None:
    policy = create_policy(
        ESSENTIALS, description="What everybody works with.", groups=[group], actor=ACTOR
    )
    _add_profile(policy, build_web_clip_profile(HELP_DESK), platforms=HANDHELDS)
    add_app_item(
        policy,
        name="Pages",
        itunes_store_id=PAGES_STORE_ID,
        bundle_id=PAGES_BUNDLE_ID,
        platforms=HANDHELDS,
        actor=ACTOR,
    )


def _add_profile(
    policy: Policy, profile: dict[str, Any], *, platforms: tuple[str, ...] = ()
) -> None:
    add_profile_item(policy, data=encode_plist(profile), platforms=platforms, actor=ACTOR)
