"""The privacy statement: for everybody to read, for administrators to publish."""

from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from consent.forms import StatementForm
from consent.models import PrivacyStatement
from consent.statements import current_statement, publish_statement
from invitations.access import Viewer, require
from invitations.errors import FieldError
from invitations.forms import say
from invitations.permissions import Permission
from tenants import schema


@require_safe
def statement(request: HttpRequest, version: int | None = None) -> HttpResponse:
    """The current statement, or one version of it; with only a web address, its link."""
    found = (
        current_statement()
        if version is None
        else PrivacyStatement.objects.filter(version=version).first()
    )
    if found is None and version is not None:
        raise Http404
    context = {"organization_name": schema.current_tenant().name, "statement": found}
    return render(request, "consent/statement.html", context)


def _publish(form: StatementForm, viewer: Viewer) -> bool:
    if not form.is_valid():
        return False
    try:
        publish_statement(**form.cleaned_data, by=viewer.entry)
    except FieldError as error:
        say(form, error)
        return False
    return True


def _row(published: PrivacyStatement) -> dict[str, object]:
    tenant = schema.current_tenant()
    return {
        "version": published.version,
        "published_at": published.published_at,
        "published_by": str(published.published_by or ""),
        "url": published.url,
        "short_hash": published.content_hash[:12],
        "view_url": schema.tenant_path(
            tenant, "consent:statement_version", version=published.version
        ),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_PRIVACY)
def privacy(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Publish a new version; the older ones stay readable."""
    posted = request.POST if request.method == "POST" else None
    versions = PrivacyStatement.objects.select_related("published_by").order_by("-version")
    newest = versions.first()
    initial = {"url": newest.url, "text": newest.text} if newest else None
    form = StatementForm(posted, initial=initial)
    if posted is not None and _publish(form, viewer):
        messages.success(request, _("Published. Guests see this version from now on."))
        return redirect("consent:privacy")
    context = {
        "section": "privacy",
        "person": viewer,
        "form": form,
        "statements": [_row(published) for published in versions[:50]],
    }
    status = HTTPStatus.BAD_REQUEST if posted is not None else HTTPStatus.OK
    return render(request, "consent/privacy.html", context, status=status)
