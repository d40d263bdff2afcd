"""Contacts: addresses that are no person's sign-in."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from invitations import pages
from invitations.access import Viewer, require
from invitations.forms.people import ContactForm
from invitations.forms.refusals import answered
from invitations.models import Contact
from invitations.permissions import Permission
from invitations.services import directory
from invitations.views.looking_up import row_or_404


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.MANAGE_POLICIES)
def contacts(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Addresses that are no person's sign-in: guests invited at them keep no address."""
    posted = request.POST if request.method == "POST" else None
    form = ContactForm(posted if posted and "add" in posted else None)
    if posted is not None and "remove" in posted:
        contact = row_or_404(Contact.objects.all(), posted["remove"])
        directory.remove_contact(contact, by=viewer.entry)
        messages.success(request, _("Saved."))
        return redirect("invitations:contacts")
    if answered(form, lambda: directory.add_contact(**form.asked(), by=viewer.entry)):
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
