"""Payloads that some devices of a policy cannot take: they refuse the profile as a whole.

Facts: Apple's device-management schema, supportedOS of each payload (iOS 18.1, macOS 15.1). A type
that is not named here is for every platform, or somebody's preference domain, which Macs take.
"""

from collections.abc import Collection, Iterator

from devices.protocol.platform import IOS, IPADOS, MACOS

HANDHELDS = frozenset({IOS, IPADOS})
SUPERVISED = frozenset(
    {
        "com.apple.SetupAssistant.managed",
        "com.apple.app.lock",
        "com.apple.homescreenlayout",
        "com.apple.notificationsettings",
        "com.apple.profileRemovalPassword",
        "com.apple.proxy.http.global",
        "com.apple.shareddeviceconfiguration",
        "com.apple.tvremote",
    }
)
# supportedOS.macOS.devicechannel is false: a Mac takes it from the channel of a user.
OF_A_MACS_USER = frozenset(
    {
        "com.apple.AIM.account",
        "com.apple.caldav.account",
        "com.apple.carddav.account",
        "com.apple.education",
        "com.apple.ews.account",
        "com.apple.jabber.account",
        "com.apple.ldap.account",
        "com.apple.mail.managed",
        "com.apple.screensaver.user",
        "com.apple.security.certificatepreference",
        "com.apple.security.identitypreference",
        "com.apple.webClip.managed",
    }
)
NOT_FOR_MACS = frozenset(
    {
        "com.apple.apn.managed",
        "com.apple.app.lock",
        "com.apple.cellular",
        "com.apple.cellularprivatenetwork.managed",
        "com.apple.eas.account",
        "com.apple.google-oauth",
        "com.apple.homescreenlayout",
        "com.apple.networkusagerules",
        "com.apple.osxserver.account",
        "com.apple.security.certificaterevocation",
        "com.apple.shareddeviceconfiguration",
        "com.apple.sso",
        "com.apple.subscribedcalendar.account",
        "com.apple.tvremote",
    }
)
MACS_ALONE = frozenset(
    {
        ".GlobalPreferences",
        "com.apple.ADCertificate.managed",
        "com.apple.AIM.account",
        "com.apple.AssetCache.managed",
        "com.apple.Dictionary",
        "com.apple.DirectoryService.managed",
        "com.apple.DiscRecording",
        "com.apple.MCX",
        "com.apple.MCX.FileVault2",
        "com.apple.MCX.TimeMachine",
        "com.apple.ManagedClient.preferences",
        "com.apple.NSExtension",
        "com.apple.ShareKitHelper",
        "com.apple.SoftwareUpdate",
        "com.apple.SystemConfiguration",
        "com.apple.TCC.configuration-profile-policy",
        "com.apple.applicationaccess.new",
        "com.apple.appstore",
        "com.apple.asam",
        "com.apple.associated-domains",
        "com.apple.configurationprofile.identification",
        "com.apple.dashboard",
        "com.apple.desktop",
        "com.apple.dock",
        "com.apple.ews.account",
        "com.apple.familycontrols.contentfilter",
        "com.apple.familycontrols.timelimits.v2",
        "com.apple.fileproviderd",
        "com.apple.finder",
        "com.apple.firstactiveethernet.managed",
        "com.apple.firstethernet.managed",
        "com.apple.gamed",
        "com.apple.ironwood.support",
        "com.apple.jabber.account",
        "com.apple.loginitems.managed",
        "com.apple.loginwindow",
        "com.apple.lom",
        "com.apple.mcxMenuExtras",
        "com.apple.mcxloginscripts",
        "com.apple.mcxprinting",
        "com.apple.preference.security",
        "com.apple.preference.users",
        "com.apple.screensaver",
        "com.apple.screensaver.user",
        "com.apple.secondactiveethernet.managed",
        "com.apple.secondethernet.managed",
        "com.apple.security.FDERecoveryKeyEscrow",
        "com.apple.security.FDERecoveryRedirect",
        "com.apple.security.certificatepreference",
        "com.apple.security.firewall",
        "com.apple.security.identitypreference",
        "com.apple.security.smartcard",
        "com.apple.servicemanagement",
        "com.apple.syspolicy.kernel-extension-policy",
        "com.apple.system-extension-policy",
        "com.apple.system.logging",
        "com.apple.systemmigration",
        "com.apple.systempolicy.control",
        "com.apple.systempolicy.managed",
        "com.apple.systempolicy.rule",
        "com.apple.systempreferences",
        "com.apple.systemuiserver",
        "com.apple.thirdactiveethernet.managed",
        "com.apple.thirdethernet.managed",
        "com.apple.universalaccess",
        "com.apple.vpn.managed.appmapping",
        "com.apple.xsan",
        "com.apple.xsan.preferences",
        "loginwindow",
    }
)


def find_misfits(payload_types: Collection[str], *, platforms: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each reason why devices of these platforms refuse the payloads.

    No `platforms` means every one.
    """
    for_macs = not platforms or MACOS in platforms
    for_handhelds = not platforms or bool(HANDHELDS & set(platforms))
    if for_handhelds and (found := _name(payload_types, among=MACS_ALONE)):
        yield f"{found}: iPhones and iPads do not know it. Limit the profile to Macs."
    if for_macs and (found := _name(payload_types, among=NOT_FOR_MACS)):
        yield f"{found}: Macs do not know it. Limit the profile to iPhones and iPads."
    if for_macs and (found := _name(payload_types, among=OF_A_MACS_USER)):
        yield f"{found}: Macs take it for a user only, and refuse it from a policy."
    if for_handhelds and (found := _name(payload_types, among=SUPERVISED)):
        yield f"{found}: only supervised iPhones and iPads take it."


def _name(payload_types: Collection[str], *, among: frozenset[str]) -> str:
    return ", ".join(each for each in payload_types if each in among)
