"""What was typed in a form when the session ended under it, in Chromium."""

from typing import Any

from policies.models import Policy
from tests.console.conftest import PASSWORD, World
from tests.console.test_browser import browser_test, chromium, page

pytestmark = browser_test
__all__ = ["chromium", "page"]


def lose_session(page: Any) -> None:
    page.context.clear_cookies(name="sessionid")


def sign_in_again(page: Any, person: str) -> None:
    page.wait_for_url("**/accounts/login/**")
    page.fill("[name=login]", person)
    page.fill("[name=password]", PASSWORD)
    page.click("button:has-text('Sign in')")


def test_a_form_is_as_it_was_when_the_session_ended_before_it_was_sent(
    page: Any, world: World, people: dict[str, str]
) -> None:
    page.goto("/console/policies/new")
    page.fill("[name=name]", "Typed for ten minutes")
    page.fill("[name=description]", "会議室 <b>")
    page.check(f"[name=groups][value={world.group.public_id}]")
    lose_session(page)
    page.press("[name=name]", "Enter")
    sign_in_again(page, people["administrator"])
    page.wait_for_url("**/console/policies/new")
    assert page.input_value("[name=name]") == "Typed for ten minutes"
    assert page.input_value("[name=description]") == "会議室 <b>"
    assert page.is_checked(f"[name=groups][value={world.group.public_id}]")
    page.press("[name=name]", "Enter")
    page.wait_for_url("**/console/policies/pol_*")
    assert Policy.objects.filter(name="Typed for ten minutes", groups=world.group).exists()
    page.goto("/console/policies/new")
    assert page.input_value("[name=name]") == ""


def test_no_password_is_kept_when_the_session_ended_before_it_was_sent(
    page: Any, world: World, people: dict[str, str]
) -> None:
    page.goto("/console/enrollment/scep/new")
    page.fill("[name=name]", "Branch offices")
    page.check("[name=challenge_type][value=static]")
    page.fill("[name=static_challenge]", "correct horse")
    lose_session(page)
    page.press("[name=name]", "Enter")
    page.wait_for_url("**/accounts/login/**")
    kept = page.evaluate("JSON.stringify({...sessionStorage})")
    assert "Branch offices" in kept
    assert "correct horse" not in kept
    sign_in_again(page, people["administrator"])
    page.wait_for_url("**/console/enrollment/scep/new")
    assert page.input_value("[name=name]") == "Branch offices"
    assert page.input_value("[name=static_challenge]") == ""


def test_nothing_is_told_when_somebody_else_signs_in(
    page: Any, world: World, people: dict[str, str]
) -> None:
    page.goto("/console/policies/new")
    page.fill("[name=name]", "For nobody else")
    lose_session(page)
    page.press("[name=name]", "Enter")
    sign_in_again(page, people["operator"])
    page.wait_for_url("**/console/policies/new")
    assert page.input_value("[name=name]") == ""
    assert page.evaluate("sessionStorage.getItem('draft')") is None


def test_a_pasted_list_of_people_is_there_when_the_session_ended_before_it_was_sent(
    page: Any, world: World, people: dict[str, str]
) -> None:
    url = f"/console/enrollment/ota/tokens/{world.token.jti}/invitations/new"
    page.goto(url)
    page.fill("[name=people]", "Bo Ek, bo@example.com")
    lose_session(page)
    page.click("main form button.btn-primary")
    sign_in_again(page, people["administrator"])
    page.wait_for_url(f"**{url}")
    assert page.input_value("[name=people]") == "Bo Ek, bo@example.com"


def test_an_apps_configuration_is_not_kept_when_the_session_ended_before_it_was_sent(
    page: Any, world: World, people: dict[str, str]
) -> None:
    url = f"/console/policies/{world.policy.public_id}/items/app"
    page.goto(url)
    page.fill("[name=name]", "Typed with care")
    page.fill("[name=configuration]", "<dict><key>License</key><string>S3CRET</string></dict>")
    lose_session(page)
    page.click("main form button.btn-primary")
    page.wait_for_url("**/accounts/login/**")
    assert "S3CRET" not in page.evaluate("JSON.stringify({...sessionStorage})")
    sign_in_again(page, people["administrator"])
    page.wait_for_url(f"**{url}")
    assert page.input_value("[name=name]") == "Typed with care"
