"""The people's half of enrollment: landing page, session, profile, root CA."""

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from .errors import BODY_EXCERPT, HttpRefused, ProfileRefused

PROFILE_TYPE = "application/x-apple-aspen-config"
SIGNED_TYPE = "application/pkcs7-signature"


def require_ok(answer: httpx.Response, *, what: str) -> httpx.Response:
    """The answer when its status is 2xx; raises HttpRefused with an excerpt."""
    if answer.is_success:
        return answer
    raise HttpRefused(
        f"{what} answered {answer.status_code}",
        status=answer.status_code,
        body=_read_words(answer)[:BODY_EXCERPT],
    )


class _Words(HTMLParser):
    """Collects what a person reads in a page's <main>."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = self._inside or tag == "main"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.words += data.split()


def _read_words(answer: httpx.Response) -> str:
    """What a person reads there; the beginning of an HTML page is metadata alone."""
    page = _Words()
    if "html" in answer.headers.get("content-type", ""):
        page.feed(answer.text)
    return " ".join(page.words) or answer.text


@dataclass(frozen=True)
class OpenedSession:
    """Where a session's profile and live state are; status_url None when unknown."""

    session_id: str | None
    profile_url: str
    status_url: str | None


class FormFinder(HTMLParser):
    """Collects the hidden fields of the one form whose address ends in a certain way."""

    def __init__(self, ending: str) -> None:
        super().__init__()
        self._ending = ending
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag == "form" and values.get("action", "").endswith(self._ending):
            self.action, self._inside = values["action"], True
        elif tag == "input" and self._inside and "name" in values:
            self.fields[values["name"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def find_form(
    page: str, *, base: str, ending: str = "/enroll/sessions"
) -> tuple[str, dict[str, str]] | None:
    """The form's absolute URL and its fields, or None where the page has none."""
    finder = FormFinder(ending)
    finder.feed(page)
    if finder.action is None or "token" not in finder.fields:
        return None
    return urljoin(base, finder.action), finder.fields


def get_token(url: str) -> str:
    """The token of an enrollment URL; raises HttpRefused when it has none."""
    values = parse_qs(urlsplit(url).query).get("token")
    if not values:
        raise HttpRefused("the enrollment URL carries no token")
    return values[0]


def open_page(http: httpx.Client, *, url: str, user_agent: str) -> httpx.Response:
    """The landing page, behind the one about the root CA; raises HttpRefused on a failed token."""
    headers = {"User-Agent": user_agent, "Accept": "text/html,application/xhtml+xml"}
    answer = http.get(url, headers=headers, follow_redirects=True)
    require_ok(answer, what="the landing page")
    going_on = find_form(answer.text, base=str(answer.url), ending="/enroll")
    if going_on is None or "trusted" not in going_on[1]:
        return answer
    answer = http.get(going_on[0], params=going_on[1], headers=headers)
    return require_ok(answer, what="the landing page after the root CA")


def open_session(
    http: httpx.Client, *, page: httpx.Response, user_agent: str
) -> OpenedSession | None:
    """Posts the page's form; None when the page offers none."""
    form = find_form(page.text, base=str(page.url))
    if form is None:
        return None
    headers = {
        "User-Agent": user_agent,
        "Accept": "application/json",
        "Origin": "{0.scheme}://{0.netloc}".format(urlsplit(form[0])),
        "Referer": form[0],
    }
    answer = http.post(form[0], data=form[1], headers=headers)
    if answer.is_redirect:
        return get_session_at(urljoin(form[0], answer.headers["location"]))
    require_ok(answer, what="opening a session")
    return _decode_session(answer, base=form[0])


def get_session_at(location: str) -> OpenedSession:
    status_url = location.removesuffix("/profile")
    session_id = urlsplit(status_url).path.rsplit("/", 1)[-1]
    return OpenedSession(session_id, f"{status_url}/profile", status_url)


def _decode_session(answer: httpx.Response, *, base: str) -> OpenedSession:
    try:
        found = answer.json()
        return OpenedSession(
            found["id"],
            urljoin(base, found["profile_url"]),
            urljoin(base, found["status_url"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise HttpRefused(
            f"the session's JSON cannot be used: {error}",
            status=answer.status_code,
            body=answer.text[:BODY_EXCERPT],
        ) from error


def direct_session(url: str) -> OpenedSession:
    """The way without a page: the profile's URL that carries the token."""
    profile_url = urljoin(url, "/enroll/profile")
    return OpenedSession(None, f"{profile_url}?token={get_token(url)}", None)


def download_profile(http: httpx.Client, *, url: str, user_agent: str) -> bytes:
    """The signed profile's bytes; Safari only installs the right content type."""
    answer = http.get(url, headers={"User-Agent": user_agent}, follow_redirects=True)
    require_ok(answer, what="the profile download")
    kind = answer.headers.get("content-type", "").split(";")[0].strip()
    if kind != PROFILE_TYPE:
        raise ProfileRefused(f"the profile's content type is {kind!r}")
    return answer.content


def post_signed(http: httpx.Client, *, url: str, body: bytes, user_agent: str) -> bytes:
    """A phase of the Profile Service; the answer is a profile."""
    headers = {"User-Agent": user_agent, "Content-Type": SIGNED_TYPE}
    answer = http.post(url, content=body, headers=headers)
    require_ok(answer, what="the Profile Service")
    kind = answer.headers.get("content-type", "").split(";")[0].strip()
    if kind != PROFILE_TYPE:
        raise ProfileRefused(f"the Profile Service's content type is {kind!r}")
    return answer.content


def download_root(http: httpx.Client, *, url: str, user_agent: str) -> bytes:
    """The root CA as PEM, from the server that the enrollment URL names."""
    address = urljoin(url, "/enroll/ca.pem")
    answer = http.get(address, headers={"User-Agent": user_agent})
    return require_ok(answer, what="the root CA").content


def read_state(http: httpx.Client, *, url: str, user_agent: str) -> str:
    """The session's live state in lower case; raises HttpRefused."""
    headers = {"User-Agent": user_agent, "Accept": "application/json"}
    answer = require_ok(http.get(url, headers=headers), what="the session's state")
    try:
        return str(answer.json()["state"]).lower()
    except (ValueError, KeyError, TypeError) as error:
        raise HttpRefused(f"the session's state cannot be read: {error}") from error
