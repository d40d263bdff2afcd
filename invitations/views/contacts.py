"""Contacts: addresses that are no person's sign-in."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from invitations import pages
from invitations.access import Viewer, require
from invitations.errors import FieldError
from invitations.forms.people import ContactForm
from invitations.forms.refusals import say
from invitations.models import Contact
from invitations.permissions import Permission
from invitations.services import directory


def _add_contact(form: ContactForm, viewer: Viewer) -> bool:
    if not form.is_valid():
        return False
    try:
        directory.add_contact(**form.asked(), by=viewer.entry)
    except FieldError as error:
        say(form, error)
        return False
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_POLICIES)
def contacts(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Addresses that are no person's sign-in: guests invited at them keep no address."""
    posted = request.POST if request.method == "POST" else None
    form = ContactForm(posted if posted and "add" in posted else None)
    if posted is not None and "remove" in posted:
        try:
            found = Contact.objects.filter(pk=UUID(posted["remove"])).first()
        except ValueError as error:
            raise Http404 from error
        if found is None:
            raise Http404
        directory.remove_contact(found, by=viewer.entry)
        messages.success(request, _("Saved."))
        return redirect("invitations:contacts")
    if posted is not None and _add_contact(form, viewer):
        messages.success(request, _("Saved."))
        return redirect("invitations:contacts")
    page = pages.page_of(Contact.objects.all(), by=("address",), marker=request.GET.get("at", ""))
    context = {
        "section": "contacts",
        "person": viewer,
        "form": form,
        "contacts": page.rows,
        "links": pages.links(page, reverse("invitations:contacts"), asked={}),
    }
    status = HTTPStatus.BAD_REQUEST if posted is not None else HTTPStatus.OK
    return render(request, "invitations/contacts.html", context, status=status)
