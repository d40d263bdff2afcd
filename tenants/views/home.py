"""Pages outside of tenants: what Foyer is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """For strangers what this is; for people who are signed in, their organizations."""
    if request.user.is_authenticated:
        return redirect("organizations")
    return render(request, "tenants/welcome.html")


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "tenants/about.html")
