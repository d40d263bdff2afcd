"""The tenant's invitation policies and landing pages."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from invitations.access import Viewer, require
from invitations.forms.refusals import answered
from invitations.forms.settings import LandingPageForm, PolicyForm
from invitations.models import LandingPage, TenantPolicy
from invitations.permissions import Permission
from invitations.services import settings as services
from invitations.views.looking_up import row_or_404


def _remove(viewer: Viewer, asked: str) -> None:
    page = row_or_404(LandingPage.objects.all(), asked)
    services.remove_landing_page(page, by=viewer.entry)


def _save(form: PolicyForm, viewer: Viewer) -> bool:
    return answered(form, lambda: services.change_policy(**form.asked(), by=viewer.entry))


def _add(form: LandingPageForm, viewer: Viewer) -> bool:
    return answered(form, lambda: services.add_landing_page(**form.cleaned_data, by=viewer.entry))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_POLICIES)
def policies(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """One page with two forms: the policy, and the pages guests may be sent to."""
    posted = request.POST if request.method == "POST" else None
    policy = TenantPolicy.objects.get()
    form = PolicyForm(posted if posted and "save" in posted else None, policy=policy)
    landing_form = LandingPageForm(posted if posted and "add" in posted else None)
    if posted is not None:
        if "remove" in posted:
            _remove(viewer, posted["remove"])
            done = True
        else:
            done = _save(form, viewer) if "save" in posted else _add(landing_form, viewer)
        if done:
            messages.success(request, _("Saved."))
            return redirect("invitations:policies")
    context = {
        "section": "policies",
        "person": viewer,
        "form": form,
        "landing_form": landing_form,
        "landing_pages": LandingPage.objects.order_by("name"),
    }
    status = HTTPStatus.BAD_REQUEST if posted is not None else HTTPStatus.OK
    return render(request, "invitations/policies.html", context, status=status)
