"""Only while Foyer runs by `make run`: the mailbox page, and signing in without mail."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from tenants import local
from tenants.accounts import remember_session
from tenants.csp import replace_sources
from tenants.mail import mailbox

P = ParamSpec("P")
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def local_only(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """The 404 of a path that is not there, in every mode but the local one."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not mailbox.is_open():
            raise Http404
        return view(request, *args, **kwargs)

    return wrapped  # type: ignore[return-value]  # `wraps` names the argument, Concatenate cannot


def _mail(mail_id: str) -> mailbox.Mail:
    mail = mailbox.find_mail(mail_id)
    if mail is None:
        raise Http404
    return mail


@require_safe
@local_only
def mails(request: HttpRequest) -> HttpResponse:
    """Every mail Foyer would have sent, newest first."""
    return render(request, "tenants/mailbox.html", {"mails": mailbox.newest_mails()})


@require_safe
@local_only
def mail(request: HttpRequest, mail_id: str) -> HttpResponse:
    """One mail: headers and text part, with ways to the HTML part and the raw form."""
    return render(request, "tenants/mail.html", {"mail": local.MailPage(_mail(mail_id))})


@require_safe
@local_only
def mail_html(request: HttpRequest, mail_id: str) -> HttpResponse:
    """The HTML part as a mail program shows it: its own style, no script, nothing from elsewhere."""
    response = HttpResponse(_mail(mail_id).part("html"))
    sources = {
        "style-src": ["'unsafe-inline'"],
        "script-src": ["'none'"],
        "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox", "allow-top-navigation"],
    }
    replace_sources(response, sources)
    return response


@require_safe
@local_only
def mail_raw(request: HttpRequest, mail_id: str) -> HttpResponse:
    """The mail as it would go over the wire."""
    return HttpResponse(_mail(mail_id).raw, content_type="text/plain; charset=utf-8")


@require_http_methods(["GET", "HEAD", "POST"])
@local_only
def sign_in(request: HttpRequest, token: str) -> HttpResponse:
    """The demo's sign-in links: a page that says who, a button that does it."""
    person = local.account_of_link(token)
    if person is None:
        raise Http404
    if request.method != "POST":
        return render(request, "tenants/local_sign_in.html", {"person": person})
    login(request, person, backend=BACKEND)
    remember_session(request)
    return redirect("organizations")
