"""The page and its ways to a session."""

import httpx
import pytest

from tests.simulator import HttpRefused
from tests.simulator.web import direct_session, find_form, open_page, open_session, require_ok

URL = "https://mdm.example.com/enroll?token=a.b-c_d"
FORM = """<form action="/search"><input name="q"></form>
<form method="post" action="/enroll/sessions"><input type="hidden" name="csrf" value="x">
<input type="hidden" name="token" value="a.b-c_d"><button>Go</button></form>"""


def make_client(*, location: str | None = None, page: str = FORM) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and location:
            return httpx.Response(303, headers={"location": location})
        return httpx.Response(200, text=page)

    return httpx.Client(transport=httpx.MockTransport(answer))


def test_form_is_found_among_others_when_it_posts_sessions() -> None:
    action, fields = find_form(FORM, base=URL) or ("", {})
    assert action == "https://mdm.example.com/enroll/sessions"
    assert fields == {"csrf": "x", "token": "a.b-c_d"}


@pytest.mark.parametrize("suffix", ["", "/profile"])
def test_session_is_followed_when_redirected(suffix: str) -> None:
    client = make_client(location=f"/enroll/sessions/ses_9{suffix}")
    page = open_page(client, url=URL, user_agent="x")
    session = open_session(client, page=page, user_agent="x")
    assert session is not None
    assert session.session_id == "ses_9"
    assert session.profile_url == "https://mdm.example.com/enroll/sessions/ses_9/profile"
    assert session.status_url == "https://mdm.example.com/enroll/sessions/ses_9"


def test_no_session_when_page_has_no_form() -> None:
    client = make_client(page="<p>sorry</p>")
    page = open_page(client, url=URL, user_agent="x")
    assert open_session(client, page=page, user_agent="x") is None
    assert direct_session(URL).profile_url == (
        "https://mdm.example.com/enroll/profile?token=a.b-c_d"
    )


def test_failure_carries_status_and_excerpt_when_refused() -> None:
    with pytest.raises(HttpRefused) as caught:
        require_ok(httpx.Response(410, text="token_expired" * 100), what="the page")
    assert caught.value.status == 410
    assert caught.value.body is not None
    assert caught.value.body.startswith("token_expired")


def test_a_refusal_tells_what_people_read_when_it_is_a_page() -> None:
    page = "<html><head><title>x</title></head><main><h1>Link expired</h1><p>Ask\n IT.</p></main>"
    answer = httpx.Response(410, html=page)
    with pytest.raises(HttpRefused) as refused:
        require_ok(answer, what="the page")
    assert refused.value.body == "Link expired Ask IT."
