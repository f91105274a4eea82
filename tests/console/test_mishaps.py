"""What people meet in the browser when something is odd, from a double click to a lost device."""

from typing import Any

from devices.models import Device, Enrollment
from tests.console.conftest import World
from tests.console.test_browser import browser_test, chromium, page
from tests.console.test_permissions import fill_in

__all__ = ["chromium", "page"]
pytestmark = browser_test


def test_one_group_is_made_when_the_button_is_clicked_twice(page: Any) -> None:
    """The first request is on its way, and its answer late."""
    page.goto("/console/groups/new")
    posts: list[Any] = []
    page.route("**/console/groups/new", lambda route: posts.append(route))
    page.fill("[name=name]", "Field service")
    twice = "button => { button.click(); setTimeout(() => button.click(), 200); }"
    page.locator("main button:has-text('Add group')").evaluate(twice)
    page.wait_for_timeout(500)
    assert len(posts) == 1
    posts[0].continue_()
    page.wait_for_selector("text=is saved")


def test_a_file_that_the_server_would_not_take_is_not_sent(page: Any, world: World) -> None:
    """The answer would be a bare line in the place of the page."""
    page.goto(fill_in("policy-add-profile", world))
    large = {"name": "a.mobileconfig", "mimeType": "text/plain", "buffer": b"x" * 11_000_000}
    page.set_input_files("[type=file]", large)
    page.click("main form button.btn-primary")
    message = page.locator("[type=file]").evaluate("field => field.validationMessage")
    assert message == "Files of up to 10 MB are taken here."
    page.set_input_files("[type=file]", large | {"buffer": b"no profile"})
    page.click("main form button.btn-primary")
    page.wait_for_selector("text=The file is not a configuration profile")
    page.goto("/console/packages/new")
    page.set_input_files("[type=file]", large | {"name": "a.txt"})
    page.click("main form button.btn-primary")
    page.wait_for_selector("text=Only files whose names end in .ipa or .pkg are taken.")


def test_a_dialog_that_cannot_be_had_says_why_on_a_page(
    page: Any, chromium: Any, world: World
) -> None:
    """Its device was deleted meanwhile, by somebody else."""
    context = chromium.new_context(base_url=page.url, storage_state=page.context.storage_state())
    other = context.new_page()
    other.goto(fill_in("device", world))
    Enrollment.objects.filter(device=world.device).delete()
    Device.objects.filter(pk=world.device.pk).delete()
    other.click("text=Unenroll…")
    other.wait_for_selector("h1:has-text('There is no such page')")
    context.close()


def test_the_first_field_that_is_wrong_has_the_focus(page: Any) -> None:
    page.goto("/console/enrollment/scep/new")
    page.fill("[name=name]", "Branch offices")
    page.fill("[name=subject_alternative_names]", "nothing")
    page.press("[name=name]", "Enter")
    page.wait_for_selector(".has-errors")
    assert page.evaluate("document.activeElement.name") == "subject_alternative_names"


def test_times_are_those_of_the_persons_clock(page: Any, chromium: Any, world: World) -> None:
    cookies = page.context.storage_state()
    context = chromium.new_context(
        base_url=page.url, timezone_id="Asia/Kolkata", storage_state=cookies
    )
    there = context.new_page()
    there.goto("/console/")
    there.goto("/console/enrollment/ota/tokens/new")
    assert there.get_by_text("Expires at (Asia/").count() == 1
    context.close()


def test_the_menu_is_there_on_a_phone_without_scripts(page: Any, chromium: Any) -> None:
    context = chromium.new_context(
        base_url=page.url,
        java_script_enabled=False,
        storage_state=page.context.storage_state(),
        viewport={"width": 390, "height": 844},
    )
    there = context.new_page()
    there.goto("/console/")
    there.get_by_role("link", name="Devices", exact=True).first.click()
    there.wait_for_url("**/console/devices/")
    assert not there.get_by_role("button", name="Menu").is_visible()
    context.close()
