"""Pages outside of tenants: what Foyer is."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from tenants import schema


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """For strangers what this is; for people who are signed in, their organizations."""
    if request.user.is_authenticated:
        return redirect("organizations")
    return render(request, "tenants/welcome.html")


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "tenants/about.html")


@require_safe
@login_required
def second_factor_needed(request: HttpRequest) -> HttpResponse:
    """Why an administrator has to add a second factor, and the two ways to do so."""
    going_on = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(going_on, allowed_hosts=None)
    context = {"next": going_on if safe else schema.public_path("organizations")}
    return render(request, "tenants/second_factor.html", context)
