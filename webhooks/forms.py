"""The console's form and filter of webhooks."""

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

from organization.forms import ConsoleFilterSet, ConsoleForm, SearchFilter
from scep.errors import AddressRefused
from scep.protocol.addresses import MAX_URL, decode_target
from webhooks.models import Webhook
from webhooks.protocol.event_types import EVENT_TYPES
from webhooks.services.webhooks import MAX_NAME

_ = gettext_lazy


class WebhookFilter(ConsoleFilterSet):
    q = SearchFilter("name", placeholder=_("Search webhooks…"))

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = ()


class WebhookForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), max_length=MAX_NAME)
    url = forms.CharField(
        label=_("URL"),
        max_length=MAX_URL,
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "https://"}),
        help_text=_("Messages are sent there by POST. Only administrators see the whole of it."),
    )
    events = forms.MultipleChoiceField(
        label=_("Events"),
        choices=[
            (name, format_lazy("{} ({})", _(text), name)) for name, text in EVENT_TYPES.items()
        ],
        widget=forms.CheckboxSelectMultiple,
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            decode_target(url)
        except AddressRefused as error:
            raise forms.ValidationError(gettext(str(error))) from error
        return url
