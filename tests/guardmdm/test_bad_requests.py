"""What people read whose request is refused before it comes to a page."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/", "/console/", "/enroll?token=x", "/accounts/login/"])
def test_page_names_the_settings_when_the_server_is_opened_by_another_name(path: str) -> None:
    answer = Client().get(path, headers={"Host": "10.20.30.40:8443"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "“10.20.30.40:8443”" in page
    assert "GUARDMDM_BASE_URL" in page
    assert "GUARDMDM_ALLOWED_HOSTS" in page


def test_nothing_of_the_name_is_markup_when_it_is_shown() -> None:
    answer = Client().get("/console/", headers={"Host": "<b>x</b>" + "y" * 5000})
    assert answer.status_code == 400
    assert b"<b>" not in answer.content
    assert len(answer.content) < 4000


def test_page_says_to_go_back_when_a_form_is_malformed() -> None:
    answer = Client().post(
        "/accounts/login/", data=b"--x\r\n", content_type="multipart/form-data; boundary="
    )
    assert answer.status_code == 400
    assert "Go back, reload the page" in answer.content.decode()
