"""Privacy statement and terms of use: for everybody to read, for administrators to publish."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from consent.forms import StatementForm, TermsForm
from consent.models import PrivacyStatement, Publication, TermsOfUse
from consent.statements import publish_statement, publish_terms
from invitations.access import Viewer, require
from invitations.forms.refusals import answered
from invitations.permissions import Permission
from tenants import schema

LANGUAGE_NAMES = {"en": "English", "nl": "Nederlands"}


@dataclass(frozen=True)
class Kind:
    """What differs between the two documents."""

    model: Any
    form: Callable[..., Any]
    publish: Callable[..., Publication]
    section: str
    public: str
    words: dict[str, Any]


PRIVACY = Kind(
    PrivacyStatement,
    StatementForm,
    publish_statement,
    "privacy",
    "statement",
    {
        "heading": gettext_lazy("Privacy statement"),
        "lede": gettext_lazy(
            "Guests read it before they accept. Publishing makes a new version; what somebody "
            "agreed to stays readable."
        ),
        "none": gettext_lazy("None yet. Guests are told that there is none."),
        "reading": gettext_lazy("%(organization)s’s privacy statement"),
        "missing": gettext_lazy("%(organization)s has not provided a privacy statement."),
        "done": gettext_lazy("Published. Guests see this version from now on."),
    },
)
TERMS = Kind(
    TermsOfUse,
    TermsForm,
    publish_terms,
    "terms",
    "terms_of_use",
    {
        "heading": gettext_lazy("Terms of use"),
        "lede": gettext_lazy(
            "Guests open and accept them after Review permissions, and again when you publish a "
            "new version or an acceptance has run out."
        ),
        "none": gettext_lazy("None yet. Guests are not asked."),
        "reading": gettext_lazy("%(organization)s’s terms of use"),
        "missing": gettext_lazy("%(organization)s has no terms of use."),
        "done": gettext_lazy("Published. Guests are asked to accept this version from now on."),
    },
)


def _read(request: HttpRequest, kind: Kind, version: int | None) -> HttpResponse:
    """The newest version or the named one, in the asked language (`?language=`) if it has it."""
    versions = kind.model.objects.newest_first()
    publication = (versions.filter(version=version) if version else versions).first()
    if publication is None and version is not None:
        raise Http404
    named = {"organization": schema.current_tenant().name}
    context = {
        "organization_name": named["organization"],
        "publication": publication,
        "said": publication.in_language(request.GET.get("language", "")) if publication else None,
        "language_names": LANGUAGE_NAMES,
        "heading": str(kind.words["reading"]) % named,
        "missing": str(kind.words["missing"]) % named,
    }
    return render(request, "consent/published.html", context)


@require_safe
def statement(request: HttpRequest, version: int | None = None) -> HttpResponse:
    """The privacy statement: the current, or one version of it."""
    return _read(request, PRIVACY, version)


@require_safe
def terms_of_use(request: HttpRequest, version: int | None = None) -> HttpResponse:
    """The terms of use: the current, or one version of them."""
    return _read(request, TERMS, version)


def _row(published: Any, kind: Kind) -> dict[str, object]:
    view = f"consent:{kind.public}_version"
    return {
        "version": published.version,
        "published_at": published.published_at,
        "published_by": str(published.published_by or ""),
        "short_hash": published.content_hash[:12],
        "agree_again": getattr(published, "agree_again", False),
        "ended": not getattr(published, "required", True),
        "languages": [LANGUAGE_NAMES[language] for language in published.languages],
        "view_url": schema.tenant_path(schema.current_tenant(), view, version=published.version),
    }


def _say_published(request: HttpRequest, kind: Kind, published: Any, before: Any) -> None:
    if published == before:
        messages.info(request, _("This is published already. Nothing was changed."))
    elif getattr(published, "required", True):
        messages.success(request, str(kind.words["done"]))
    else:
        messages.success(request, _("Published. Guests are not asked any more."))


def _administer(request: HttpRequest, viewer: Viewer, kind: Kind) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    versions = kind.model.objects.newest_first().select_related("published_by")[:50]
    newest = next(iter(versions), None)
    form = kind.form(posted, newest=newest)
    published: list[Any] = []
    if answered(form, lambda: published.append(kind.publish(**form.asked(), by=viewer.entry))):
        _say_published(request, kind, published[0], newest)
        return redirect(f"consent:{kind.section}")
    context = {
        "section": kind.section,
        "person": viewer,
        "form": form,
        "words": kind.words,
        "publications": [_row(version, kind) for version in versions],
    }
    status = HTTPStatus.BAD_REQUEST if posted is not None else HTTPStatus.OK
    return render(request, "consent/publish.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_PRIVACY)
def privacy(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Publish a new version of the privacy statement; the older ones stay readable."""
    return _administer(request, viewer, PRIVACY)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_PRIVACY)
def terms(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Publish a new version of the terms of use, or one that ends the asking."""
    return _administer(request, viewer, TERMS)
