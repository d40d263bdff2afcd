"""The audit log as a page and as a file."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from invitations import chain
from invitations.access import Viewer, require
from invitations.auditlog.export import export_rows, note_export
from invitations.auditlog.listing import Filter, audit_page
from invitations.auditlog.rows import AuditRow
from invitations.auditlog.words import actions
from invitations.cells import guard
from invitations.permissions import Permission
from tenants import schema

COLUMNS = (
    "number",
    "at",
    "action",
    "actor_id",
    "actor",
    "entry_id",
    "about",
    "invitation_id",
    "detail",
    "previous_hash",
    "hash",
    "body",
)

FIRST, LAST = date(2000, 1, 1), date(2999, 12, 31)
_WHEN = _("Enter a date, like 2026-11-23")


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        input_formats=["%Y-%m-%d"],
        validators=[MinValueValidator(FIRST, _WHEN), MaxValueValidator(LAST, _WHEN)],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={"invalid": _WHEN},
    )


class FilterForm(forms.Form):
    """What to look for; everything may stay empty."""

    action = forms.ChoiceField(label=_("What happened"), required=False)
    person = forms.CharField(
        label=_("Name or address"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    since = _day(_("From"))
    until = _day(_("To"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["action"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # nosec B101: for the type
        field.choices = [("", _("Everything")), *actions()]

    def asked(self) -> Filter:
        """What was understood; a field in error asks for nothing."""
        data = {name: self.cleaned_data.get(name) for name in ("action", "person")}
        return Filter(
            action=data["action"] or "",
            person=data["person"] or "",
            since=self.cleaned_data.get("since"),
            until=self.cleaned_data.get("until"),
        )


def _number(text: str) -> int:
    """A row's number out of the address; anything else starts at the newest."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _url(asked: dict[str, str], **place: int) -> str:
    query = {name: value for name, value in {**asked, **place}.items() if value}
    path = schema.tenant_path(schema.current_tenant(), "invitations:audit")
    return f"{path}?{urlencode(query)}" if query else path


@require_safe
@require(Permission.VIEW_AUDIT)
def audit(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Newest first, fifty at a time."""
    form = FilterForm(request.GET)
    form.is_valid()
    asked = form.asked()
    before, after = (_number(request.GET.get(name, "")) for name in ("before", "after"))
    page = audit_page(asked, before=before, after=after)
    query = {name: request.GET.get(name, "") for name in form.fields if name not in form.errors}
    context = {
        "section": "audit",
        "person": viewer,
        "form": form,
        "rows": page.rows,
        "is_filtered": asked != Filter(),
        "asked": [(name, value) for name, value in query.items() if value],
        "clear_url": _url({}),
        "older_url": _url(query, before=page.older_than) if page.older_than else "",
        "newer_url": _url(query, after=page.newer_than) if page.newer_than else "",
    }
    status = HTTPStatus.BAD_REQUEST if form.errors else HTTPStatus.OK
    return render(request, "invitations/audit.html", context, status=status)


def _told(row: AuditRow) -> dict[str, Any]:
    """A row as an export holds it; with `body` and the hashes anybody can check it."""
    event = row.event
    ids = {name: getattr(event, name) for name in ("actor_id", "entry_id", "invitation_id")}
    return {
        "number": event.number,
        "at": chain.time_text(event.at),
        "action": event.action,
        **{name: str(value) if value else None for name, value in ids.items()},
        "actor": row.actor,
        "about": row.about,
        "detail": event.detail,
        "previous_hash": event.previous_hash,
        "hash": event.hash,
        "body": event.body,
    }


class _Line:
    """What `csv` writes to: hands each line back."""

    def write(self, text: str) -> str:
        return text


def _csv(rows: Iterable[AuditRow]) -> Iterator[str]:
    writer = csv.writer(_Line(), quoting=csv.QUOTE_ALL)
    # The mark tells spreadsheets that this is UTF-8.
    yield "\ufeff" + writer.writerow(COLUMNS)
    for row in rows:
        cells = {**_told(row), "detail": json.dumps(row.event.detail, ensure_ascii=False)}
        texts = ("" if cells[name] is None else str(cells[name]) for name in COLUMNS)
        yield writer.writerow([guard(text) for text in texts])


def _json(rows: Iterable[AuditRow]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(_told(row), ensure_ascii=False) + "\n"


Writer = Callable[[Iterable[AuditRow]], Iterator[str]]
FORMATS: dict[str, tuple[Writer, str, str]] = {
    "csv": (_csv, "text/csv; charset=utf-8", "csv"),
    "json": (_json, "application/x-ndjson; charset=utf-8", "jsonl"),
}


@require_POST
@require(Permission.VIEW_AUDIT)  # type: ignore[arg-type]  # a stream is an answer too
def export(request: HttpRequest, viewer: Viewer) -> HttpResponse | StreamingHttpResponse:
    """The rows that fit as CSV or JSON lines; that they left is itself a row."""
    chosen = request.POST.get("format", "")
    form = FilterForm(request.POST)
    if chosen not in FORMATS or not form.is_valid():
        raise Http404
    writer, content_type, ending = FORMATS[chosen]
    asked, tenant = form.asked(), schema.current_tenant()
    last = note_export(asked, by=viewer.entry, form=chosen)
    name = f"{tenant.slug}-audit-{last}.{ending}"
    return StreamingHttpResponse(
        writer(export_rows(tenant, asked, last=last)),
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
