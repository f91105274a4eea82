"""A token's poster and the text of a mail, in the language of those who get them."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from enrollment.console.tokens import get_token
from enrollment.protocol.languages import LANGUAGES
from enrollment.selectors import get_token_state
from enrollment.services.handout import (
    FULL_LINK,
    SHORT_LINK,
    build_code_image,
    build_link,
    build_mail,
)
from organization.console import recent_sign_in_required, role_required
from organization.models import Role

PAPERS = {"a4": "A4", "letter": "Letter"}
LINKS = ((FULL_LINK, _("Full link")), (SHORT_LINK, _("Short link")))


class HandoutForm(forms.Form):
    """What stands in the address; in place of a wrong value, or none, stands the initial one."""

    language = forms.ChoiceField(label=_("Language"), choices=list(LANGUAGES.items()), initial="en")
    link = forms.ChoiceField(label=_("Link"), choices=LINKS, initial=FULL_LINK)

    def choose(self) -> dict[str, str]:
        self.is_valid()
        return {name: field.initial for name, field in self.fields.items()} | self.cleaned_data


class PosterForm(HandoutForm):
    paper = forms.ChoiceField(label=_("Paper"), choices=list(PAPERS.items()), initial="a4")


class MailForm(HandoutForm):
    # Mail programs break long lines, and with them the full link.
    link = forms.ChoiceField(label=_("Link"), choices=LINKS[::-1], initial=SHORT_LINK)


@role_required(Role.OPERATOR)
@recent_sign_in_required
def show_poster(request: HttpRequest, jti: str) -> HttpResponse:
    """Show the page to print: the address holds paper, language and kind of link."""
    token = get_token(jti)
    chosen = PosterForm(request.GET).choose()
    url = build_link(token, link=chosen["link"])
    context = {
        "token": token,
        "organization": token.organization,
        "state": get_token_state(token, now=timezone.now()),
        "form": PosterForm(chosen),
        "chosen": chosen,
        "code": build_code_image(url),
        "typed_url": url if chosen["link"] == SHORT_LINK else "",
    }
    return render(request, "enroll/poster.html", context)


@role_required(Role.OPERATOR)
@recent_sign_in_required
def show_mail(request: HttpRequest, jti: str) -> HttpResponse:
    """Show subject and body to copy, and a link that opens them in a mail program."""
    token = get_token(jti)
    chosen = MailForm(request.GET).choose()
    mail = build_mail(token, language=chosen["language"], link=chosen["link"])
    context = {
        "token": token,
        "state": get_token_state(token, now=timezone.now()),
        "form": MailForm(chosen),
        "chosen": chosen,
        "mail": mail,
    }
    return render(request, "console/token/mail.html", context)


urlpatterns: list[URLPattern] = [
    path("enrollment/ota/tokens/<str:jti>/poster", show_poster, name="token-poster"),
    path("enrollment/ota/tokens/<str:jti>/mail", show_mail, name="token-mail"),
]
