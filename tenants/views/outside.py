"""Leaving for an outside sign-in, coming back from it, and which ones an account has."""

from typing import Any

from allauth.account.adapter import get_adapter as account_adapter
from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.internal.statekit import get_states
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from requests import RequestException

from tenants import outside
from tenants.adapters import account_of
from tenants.provider import OutsideAdapter

APP = "allauth.socialaccount"


def _provider(request: HttpRequest, provider_id: str) -> Any:
    """The configured provider; the 404 of a path that is not there for any other."""
    try:
        return get_adapter().get_provider(request, provider=provider_id)
    except SocialApp.DoesNotExist:
        raise Http404 from None


def start(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Post: on to the provider, to sign in or (`process=connect`) to connect.

    The answer is a page that moves on by itself: a redirect would be held back by the policy
    about where forms may lead, which counts every stop on a provider's own way.
    """
    provider = _provider(request, provider_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    process = AuthProcess.LOGIN
    if request.POST.get("process") == AuthProcess.CONNECT:
        if not request.user.is_authenticated:
            return redirect_to_login("/")
        raise_if_reauthentication_required(request, app=APP)
        process = AuthProcess.CONNECT
    invited = outside.read_invited(request.POST.get("invited", ""))
    next_path = invited.next_path or get_next_redirect_url(request) or ""
    if outside.is_away(provider_id):
        return outside.ended(request, "away", provider, next_path)
    try:
        moved = provider.redirect(request, process, next_path, data={"invited": invited.who})
    except (OAuth2Error, RequestException) as error:
        return outside.ended_by(request, error, provider, next_path)
    page = {"provider": provider, "url": moved.url}
    response = render(request, "socialaccount/leaving.html", page)
    response.headers["Refresh"] = f"0; url={moved.url}"
    return response


@require_safe
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Back from the provider: allauth checks state and code, `tenants.outside` decides."""
    provider = _provider(request, provider_id)
    stashed = get_states(request).get(request.GET.get("state", ""))
    attempt = OutsideAdapter(request, provider_id)
    view = OAuth2CallbackView.adapter_view(attempt)  # type: ignore[no-untyped-call]
    try:
        response: HttpResponse = view(request)
    except (OAuth2Error, RequestException) as error:
        # Reading where the provider's pages are happens outside of allauth's own care.
        next_path = stashed[0].get("next", "") if stashed else ""
        return outside.ended_by(request, error, provider, next_path)
    return response


def _disconnect(request: HttpRequest, connected: SocialAccount) -> None:
    """A mailed code is always left to sign in with."""
    name = _names(request).get(connected.provider, connected.provider)
    connected.delete()
    get_adapter().send_notification_mail(
        "socialaccount/email/account_disconnected",
        connected.user,
        context={"provider": name},
    )
    account_adapter(request).add_message(
        request, messages.SUCCESS, "socialaccount/messages/account_disconnected.txt"
    )


def _names(request: HttpRequest) -> dict[str, str]:
    return {each.sub_id: each.name for each in get_adapter().list_providers(request)}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def connections(request: HttpRequest) -> HttpResponse:
    """The outside sign-ins of this account; a post disconnects one."""
    mine = SocialAccount.objects.filter(user=account_of(request)).order_by("date_joined")
    if request.method == "POST":
        asked = request.POST.get("account", "")
        connected = get_object_or_404(mine, pk=int(asked) if asked.isdecimal() else 0)
        raise_if_reauthentication_required(request, app=APP)
        _disconnect(request, connected)
        return redirect("socialaccount_connections")
    names = _names(request)
    rows = [
        {
            "pk": each.pk,
            "name": names.get(each.provider, each.provider),
            "address": each.extra_data.get("email", ""),
            "since": each.date_joined,
        }
        for each in mine
    ]
    taken = {each.provider for each in mine}
    free = [each for each in get_adapter().list_providers(request) if each.sub_id not in taken]
    page = {"rows": rows, "free": free}
    return render(request, "socialaccount/connections.html", page)
