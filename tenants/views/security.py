"""A person's own account: how it is protected, and proving that it is you.

Classes here, because each is allauth's view with one thing changed.
"""

from typing import Any
from urllib.parse import urlencode

from allauth.account.decorators import reauthentication_required
from allauth.account.mixins import NextRedirectMixin
from allauth.account.utils import get_next_redirect_url
from allauth.account.views import BaseReauthenticateView, password_set
from allauth.core.internal.httpkit import authenticated_user
from allauth.mfa.base.views import IndexView
from allauth.mfa.recovery_codes.views import ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.internal import auth
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants import reauthentication
from tenants.adapters import account_of
from tenants.forms import MailedCodeForm, PasskeyForm
from tenants.models import Account

# Address, password, passkeys, authenticator app, recovery codes, sessions: one page leads to all.
overview = login_required(IndexView.as_view())
# allauth asks nobody who they are before a first password; a session left open is enough then.
set_password = reauthentication_required(password_set)


class AddPasskeyView(NextRedirectMixin, AddWebAuthnView):
    """Add a passkey, then the new recovery codes if there are any, then back to `next`."""

    form_class = PasskeyForm

    def get_form_class(self) -> type[PasskeyForm]:
        return PasskeyForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[no-untyped-call]
        # One that a person can sign in with alone: kept on the device, opened by finger or PIN.
        options = auth.begin_registration(authenticated_user(self.request), True)
        context["js_data"] = {"creation_options": options}
        context["back_url"] = self.get_back_url()
        return context

    def get_back_url(self) -> str:
        return get_next_redirect_url(self.request) or reverse("account_security")

    def get_success_url(self) -> str:
        if not self.did_generate_recovery_codes:
            return self.get_back_url()
        query = urlencode({"next": self.get_back_url()})
        return f"{reverse('mfa_view_recovery_codes')}?{query}"


class SetUpAppView(NextRedirectMixin, ActivateTOTPView):
    """Set up an authenticator app, then the new recovery codes if there are any, then `next`."""

    def get_success_url(self) -> str:
        back = get_next_redirect_url(self.request) or reverse("account_security")
        if not self.did_generate_recovery_codes:
            return back
        return f"{reverse('mfa_view_recovery_codes')}?{urlencode({'next': back})}"


class RecoveryCodesView(ViewRecoveryCodesView):
    """allauth's page, with a way on to `next`."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["back_url"] = get_next_redirect_url(self.request) or reverse("account_security")
        return context


class ConfirmByCodeView(BaseReauthenticateView):
    """Proving oneself again by a code mailed to the primary address.

    Opening the page sends nothing and confirms nothing; buttons do (A10).
    """

    form_class = MailedCodeForm
    template_name = "account/reauthenticate_code.html"

    @property
    def account(self) -> Account:
        account = account_of(self.request)
        assert account is not None  # noqa: S101  # nosec B101: behind `login_required`
        return account

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("action") == "send":
            reauthentication.send_code(request, self.account)
            here: str = self.passthrough_next_url(request.path)  # type: ignore[no-untyped-call]
            return HttpResponseRedirect(here)
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response

    def form_valid(self, form: MailedCodeForm) -> HttpResponse:
        try:
            reauthentication.enter_code(self.request, self.account, form.cleaned_data["code"])
        except reauthentication.CodeRefusedError:
            form.add_error("code", _("This code is not right, or no longer valid."))
            return self.form_invalid(form)
        reauthentication.record(self.request, self.account)
        response: HttpResponse = super().form_valid(form)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["email"] = reauthentication.proved_address(self.account)
        context["is_sent"] = reauthentication.is_code_sent(self.request)
        return context


add_passkey = AddPasskeyView.as_view()
set_up_app = SetUpAppView.as_view()
recovery_codes = RecoveryCodesView.as_view()
confirm_by_code = login_required(ConfirmByCodeView.as_view())
