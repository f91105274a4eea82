"""Who opens the enrollment page, as far as a User-Agent tells."""

import re
from dataclasses import dataclass
from enum import StrEnum

PLATFORMS = {"iphone": "ios", "ipad": "ipados", "mac": "macos"}
# Tokens of browsers on iOS that are not Safari but say so.
OTHER_BROWSERS = re.compile(
    r"CriOS|FxiOS|EdgiOS|EdgA|OPiOS|OPT/|OPX/|Brave/|DuckDuckGo|Ddg/|GSA/|YaBrowser|Focus/|Klar/"
    r"|UCBrowser|Coast/|Puffin|Mercury|Vivaldi|Line/|FBA[NV]|FB_IAB|Instagram|MicroMessenger"
    r"|Snapchat|Twitter|LinkedInApp|Pinterest|Slack|Teams|TikTok|musical_ly|BytedanceWebview|WhatsApp"
)
# These hand a downloaded profile over to Settings as Safari does.
HANDING_OVER = re.compile(r"CriOS|Brave/")


# Browsers that only iOS has: with "Macintosh" they are on an iPad that asks for desktop pages.
ON_IPAD = re.compile(r"CriOS|FxiOS|EdgiOS|OPiOS|OPT/|GSA/|DuckDuckGo/|Mobile/")
# Who asks only to show what is behind a link, or to find pages. Not complete, nor needs to be.
PREVIEWS = re.compile(
    r"facebookexternalhit|Facebot|Twitterbot|Slackbot|Slack-ImgProxy|Discordbot|TelegramBot"
    r"|LinkedInBot|^WhatsApp/|SkypeUriPreview|Googlebot|Google-PageRenderer|bingbot|BingPreview"
    r"|Applebot|redditbot|Pinterestbot|Mastodon|Iframely|Embedly|vkShare|^Viber|Snap URL Preview"
)


class Browser(StrEnum):
    """What a browser on the device does with a profile."""

    SAFARI = "safari"
    HANDS_OVER = "hands_over"
    OTHER = "other"


@dataclass(frozen=True)
class Visitor:
    """`device` is iphone, ipad, mac or other; a Mac may be an iPad that says it is one."""

    device: str
    browser: Browser

    @property
    def platform(self) -> str:
        """A devices.Platform value, or "" where the visitor holds no Apple device."""
        return PLATFORMS.get(self.device, "")

    @property
    def needs_safari(self) -> bool:
        return self.device in ("iphone", "ipad") and self.browser != Browser.SAFARI


def decode_user_agent(text: str, *, device: str = "") -> Visitor:
    """Return who visits; `device` overrules the header: an iPad's page says so by script."""
    if device not in PLATFORMS:
        device = _find_device(text)
    return Visitor(device, _find_browser(text, device=device))


def _find_device(text: str) -> str:
    if "iPad" in text:
        return "ipad"
    if "iPhone" in text or "iPod" in text:
        return "iphone"
    if "Macintosh" in text:
        return "ipad" if ON_IPAD.search(text) else "mac"
    return "other"


def is_preview(user_agent: str) -> bool:
    """Whether a program asks for a picture of the link, and no person for the profile."""
    return PREVIEWS.search(user_agent) is not None


def _find_browser(text: str, *, device: str) -> Browser:
    if device not in ("iphone", "ipad"):
        return Browser.HANDS_OVER
    if HANDING_OVER.search(text):
        return Browser.HANDS_OVER
    is_safari = "Safari/" in text and "Version/" in text and not OTHER_BROWSERS.search(text)
    return Browser.SAFARI if is_safari else Browser.OTHER
