"""The person signs in at the identity provider, by its form's field `user`."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

from .errors import HttpRefused
from .web import FormFinder, OpenedSession, get_session_at, require_ok

PATH = "/enroll/sign-in"


class _LinkFinder(HTMLParser):
    """Remembers the link to the sign-in."""

    def __init__(self) -> None:
        super().__init__()
        self.link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href") or ""
        if tag == "a" and urlsplit(link).path == PATH:
            self.link = link


def sign_in(
    http: httpx.Client, *, page: httpx.Response, person: str, user_agent: str
) -> OpenedSession | None:
    """Follows the page to the provider and back; None where the page asks for no sign-in."""
    links = _LinkFinder()
    links.feed(page.text)
    if links.link is None:
        return None
    headers = {"User-Agent": user_agent, "Accept": "text/html"}
    away = http.get(urljoin(str(page.url), links.link), headers=headers, follow_redirects=True)
    require_ok(away, what="the identity provider's page")
    form = FormFinder("")
    form.feed(away.text)
    if form.action is None or "user" not in form.fields:
        raise HttpRefused("the identity provider shows no form to sign in")
    back = http.post(
        urljoin(str(away.url), form.action),
        data=form.fields | {"user": person},
        headers=headers,
        follow_redirects=True,
    )
    require_ok(back, what="the way back from the identity provider")
    return get_session_at(urljoin(str(back.url), back.url.path))
