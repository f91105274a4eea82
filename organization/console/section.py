"""The factory of plain sections: a list, one row's page, add, edit and delete, through services.

A section calls `create(**cleaned_data, actor=…)`, `update(row, **cleaned_data, actor=…)` and
`delete(row, actor=…)`; those write the audit log. What they refuse (`refusals`) becomes a
message beside the form.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from organization.console.access import View, get_actor, recent_sign_in_required, role_required
from organization.console.lists import ListPage
from organization.forms import ConsoleForm
from organization.models import Role

RowContext = Callable[[HttpRequest, Any], dict[str, Any]]
Initial = Callable[[HttpRequest], dict[str, Any]]
Consequences = Callable[[Any], list[str]]
FormStep = Callable[[HttpRequest, Any], ConsoleForm]
ShowCreated = Callable[[HttpRequest, Any], HttpResponse]


@dataclass(frozen=True, kw_only=True)
class Section:
    """`name` is the list's URL name, `item` that of one row; both routes start with `route`.

    `get_initial` answers with what the form of a new row begins with. `form_steps` are the form's
    buttons beside the one that saves: by name, what answers with the form to be shown again.
    `show_created` answers with what `create` returned, where that is to be seen once and never
    again. `list_consequences` says of a row what its deletion brings about elsewhere. Where a
    section `is_sensitive`, whoever changes something has to have signed in a few minutes ago.
    """

    name: str
    item: str
    route: str
    page: ListPage
    add_label: Any = ""
    item_template: str = ""
    get_item_context: RowContext | None = None
    lookup: str = "public_id"
    form: type[ConsoleForm] | None = None
    create: Callable[..., Any] | None = None
    update: Callable[..., Any] | None = None
    delete: Callable[..., Any] | None = None
    list_consequences: Consequences = lambda row: []
    form_template: str = "console/form.html"
    get_initial: Initial | None = None
    form_steps: Mapping[str, FormStep] = field(default_factory=dict)
    refusals: tuple[type[Exception], ...] = ()
    show_created: ShowCreated | None = None
    read_role: str = Role.AUDITOR
    write_role: str = Role.OPERATOR
    is_sensitive: bool = False

    # For templates, which would call what they find in `create`, `update` and `delete`.
    @property
    def is_addable(self) -> bool:
        return self.create is not None

    @property
    def is_editable(self) -> bool:
        return self.update is not None

    @property
    def is_deletable(self) -> bool:
        return self.delete is not None

    def build_urls(self) -> list[URLPattern]:
        reader = role_required(self.read_role)
        writer = self._guard_writing
        urls = [path(self.route, reader(self.list_rows), name=self.name)]
        if self.create:
            urls.append(path(f"{self.route}new", writer(self.add_row), name=f"{self.item}-new"))
        if self.item_template:
            urls.append(path(f"{self.route}<str:key>", reader(self.show_row), name=self.item))
        if self.update:
            urls.append(
                path(f"{self.route}<str:key>/edit", writer(self.edit_row), name=f"{self.item}-edit")
            )
        if self.delete:
            urls.append(
                path(
                    f"{self.route}<str:key>/delete",
                    writer(self.delete_row),
                    name=f"{self.item}-delete",
                )
            )
        return urls

    def _guard_writing(self, view: View) -> View:
        guarded = recent_sign_in_required(view) if self.is_sensitive else view
        return role_required(self.write_role)(guarded)

    def get_row(self, key: str) -> Any:
        return get_object_or_404(self.page.get_rows(), **{self.lookup: key})

    def list_rows(self, request: HttpRequest) -> HttpResponse:
        return self.page.render(request, section=self)

    def show_row(self, request: HttpRequest, key: str) -> HttpResponse:
        row = self.get_row(key)
        context = {"section": self, "row": row}
        if self.get_item_context:
            context |= self.get_item_context(request, row)
        return render(request, self.item_template, context)

    def add_row(self, request: HttpRequest) -> HttpResponse:
        return self._answer_form(request, row=None)

    def edit_row(self, request: HttpRequest, key: str) -> HttpResponse:
        return self._answer_form(request, row=self.get_row(key))

    def delete_row(self, request: HttpRequest, key: str) -> HttpResponse:
        row = self.get_row(key)
        if request.method != "POST":
            context = {"section": self, "row": row, "consequences": self.list_consequences(row)}
            return render(request, "console/delete.html", context)
        assert self.delete is not None  # noqa: S101 - the URL exists only with it
        try:
            self.delete(row, actor=get_actor(request))
        except self.refusals as refusal:
            messages.error(request, str(refusal))
            return redirect(f"console:{self.item}", getattr(row, self.lookup))
        messages.success(request, _("“%s” is deleted.") % row)
        return redirect(f"console:{self.name}")

    def _answer_form(self, request: HttpRequest, *, row: Any) -> HttpResponse:
        assert self.form is not None  # noqa: S101 - the URL exists only with it
        for name, take in self.form_steps.items():
            if request.method == "POST" and name in request.POST:
                return self._show_form(request, take(request, row), row=row)
        initial = self.get_initial(request) if self.get_initial and row is None else {}
        form = self.form(request.POST or None, request.FILES or None, row=row, initial=initial)
        if request.method == "POST" and form.is_valid():
            saved = self._save(form, row=row, actor=get_actor(request))
            if saved is not None and row is None and self.show_created:
                return self.show_created(request, saved)
            if saved is not None:
                messages.success(request, _("“%s” is saved.") % saved)
                return redirect(f"console:{self.item}", getattr(saved, self.lookup))
        return self._show_form(request, form, row=row)

    def _show_form(self, request: HttpRequest, form: ConsoleForm, *, row: Any) -> HttpResponse:
        return render(request, self.form_template, {"section": self, "row": row, "form": form})

    def _save(self, form: ConsoleForm, *, row: Any, actor: str) -> Any:
        """Return the saved row, or None with the refusal on the form."""
        save = self.create if row is None else self.update
        assert save is not None  # noqa: S101 - the URL exists only with it
        try:
            if row is None:
                return save(**form.cleaned_data, actor=actor)
            return save(row, **form.cleaned_data, actor=actor) or row
        except self.refusals as refusal:
            form.add_error(None, str(refusal))
            return None
