"""Who visits, by User-Agent strings as the browsers of 2024 and 2025 send them."""

import pytest

from enrollment.protocol.platform import Browser, decode_user_agent

KIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IOS = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {KIT}"
IPAD = f"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) {KIT}"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KIT}"
CASES = [
    (f"{IOS} Version/18.1 Mobile/15E148 Safari/604.1", "iphone", "ios", Browser.SAFARI),
    (f"{IPAD} Version/17.5 Mobile/15E148 Safari/604.1", "ipad", "ipados", Browser.SAFARI),
    (f"{IOS} CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1", "iphone", "ios", Browser.HANDS_OVER),
    (f"{IOS} FxiOS/132.0 Mobile/15E148 Safari/605.1.15", "iphone", "ios", Browser.OTHER),
    (f"{IOS} Version/18.0 EdgiOS/130.0 Mobile/15E148 Safari/604.1", "iphone", "ios", Browser.OTHER),
    (f"{IOS} Mobile/15E148", "iphone", "ios", Browser.OTHER),
    (f"{IOS} Mobile/15E148 Instagram 350.0.0.29.97", "iphone", "ios", Browser.OTHER),
    (f"{IOS} Mobile/15E148 [FBAN/FBIOS;FBAV/480.0]", "iphone", "ios", Browser.OTHER),
    (f"{MAC} CriOS/130 Version/11.1.1 Safari/605.1.15", "ipad", "ipados", Browser.HANDS_OVER),
    (f"{MAC} FxiOS/132.0 Safari/605.1.15", "ipad", "ipados", Browser.OTHER),
    (f"{MAC} Version/18.1 Safari/605.1.15", "mac", "macos", Browser.HANDS_OVER),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0", "other", "", Browser.HANDS_OVER),
    ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/130.0", "other", "", Browser.HANDS_OVER),
    ("", "other", "", Browser.HANDS_OVER),
]


@pytest.mark.parametrize(("text", "device", "platform", "browser"), CASES)
def test_visitor_is_known_when_a_browser_says_what_it_is(
    text: str, device: str, platform: str, browser: Browser
) -> None:
    visitor = decode_user_agent(text)
    assert (visitor.device, visitor.platform, visitor.browser) == (device, platform, browser)


def test_ipad_is_known_when_the_page_says_it_is_no_mac() -> None:
    visitor = decode_user_agent(f"{MAC} Version/18.1 Safari/605.1.15", device="ipad")
    assert (visitor.platform, visitor.needs_safari) == ("ipados", False)


def test_device_is_ignored_when_it_is_no_known_one() -> None:
    assert decode_user_agent(f"{IOS} Version/18.1 Safari/604.1", device="toaster").device == (
        "iphone"
    )
