"""The first organization of an empty installation, through a link only the operator sees."""

from http import HTTPStatus

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from invitations import redemption, tickets
from invitations.errors import FieldError
from invitations.forms.refusals import say
from invitations.forms.settings import SetupForm
from invitations.services.organization import create_organization
from tenants import first_link, limits, schema
from tenants.addresses import AddressError
from tenants.errors import too_many_requests
from tenants.services import TenantExistsError
from tenants.slugs import SlugError
from tenants.words import WordsError

# Any number: the lock that lets one of two browsers be first.
SETUP_LOCK = 7_300_115


def _create(form: SetupForm) -> str | None:
    """Make the organization; the path of its administrator's link, or None with errors said."""
    asked = form.cleaned_data
    try:
        tenant, invitation = create_organization(
            slug=asked["slug"].strip(),
            name=asked["name"],
            domain=asked["domain"],
            admin_address=asked["admin_address"],
            admin_name=asked["admin_name"],
            send_mail=False,
        )
    except SlugError:
        form.add_error("slug", _("Use small letters, digits and hyphens; some names are reserved"))
    except AddressError:
        form.add_error("domain", _("Enter a mail domain, like contoso.example"))
    except TenantExistsError as error:
        form.add_error("slug", str(error.message))
    except WordsError:
        form.add_error("name", _("Take web addresses and invisible characters out of the name"))
    except FieldError as error:
        error.field = {"email": "admin_address", "name": "admin_name"}.get(error.field, error.field)
        say(form, error)
    else:
        with schema.in_tenant(tenant):
            return redemption.link_path(invitation, tickets.Purpose.REDEEM)
    return None


def _gone(request: HttpRequest) -> HttpResponse:
    if limits.is_exceeded(request, limits.MISSED_TICKETS):
        return too_many_requests(request, retry_after=limits.MISSED_TICKETS.seconds)
    limits.count(request, limits.MISSED_TICKETS)
    return render(request, "tenants/setup_gone.html", status=HTTPStatus.GONE)


@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Name the organization and its administrator; then redeem that administrator's invitation."""
    with transaction.atomic():
        if request.method == "POST":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SETUP_LOCK])
        if not first_link.is_open(token):
            return _gone(request)
        form = SetupForm(request.POST if request.method == "POST" else None)
        if form.is_valid() and (path := _create(form)):
            return redirect(path)
    status = HTTPStatus.BAD_REQUEST if form.is_bound else HTTPStatus.OK
    return render(request, "tenants/setup.html", {"form": form}, status=status)
