"""Forms of accounts: allauth's, with our words and our count of failed tries."""

from typing import Any, ClassVar

from allauth.account import forms as account
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as mfa
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn import forms as webauthn
from allauth.mfa.webauthn.internal import auth
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tenants import guessing

TOO_MANY = "too_many_login_attempts"


class Words(forms.Form):
    """Our labels, no placeholders, no help that the page gives anyway."""

    LABELS: ClassVar[dict[str, Any]] = {
        "login": _("E-mail address"),
        "email": _("E-mail address"),
        "password": _("Password"),
        "oldpassword": _("Current password"),
        "password1": _("New password"),
        "password2": _("New password again"),
        "code": _("Code"),
        "name": _("Name"),
    }
    REQUIRED: ClassVar[dict[str, Any]] = {
        "login": _("Enter an e-mail address"),
        "email": _("Enter an e-mail address"),
        "password": _("Enter your password"),
        "oldpassword": _("Enter your current password"),
        "password1": _("Enter a new password"),
        "code": _("Enter the code"),
        "name": _("Enter a name"),
    }
    INVALID_ADDRESS = _("Enter one e-mail address, like name@example.org")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = self.LABELS.get(name, field.label)
            field.help_text = ""
            if name in self.REQUIRED:
                field.error_messages["required"] = self.REQUIRED[name]
            if isinstance(field, forms.EmailField):
                field.error_messages["invalid"] = self.INVALID_ADDRESS
            field.widget.attrs.pop("placeholder", None)


class PasswordForm(Words, account.LoginForm):
    """Signing in with a password."""


class RequestCodeForm(Words, account.RequestLoginCodeForm):
    """Asking for a code to sign in."""

    def clean_email(self) -> str:
        try:
            return str(super().clean_email())
        except ValidationError as error:
            if error.code != TOO_MANY:
                raise
            key = self.cleaned_data["email"].lower()
            raise guessing.refuse(context.request, action="request_login_code", key=key) from error


class CountedCode(Words):
    """A mailed code: wrong ones count for this browser and for its network address (A02)."""

    def clean_code(self) -> str:
        key = f"code:{context.request.session.session_key}"
        usage = guessing.count_try(context.request, key=key)
        code = str(super().clean_code())  # type: ignore[misc]  # of the form it is mixed into
        usage.rollback()
        return code


class SignInCodeForm(CountedCode, account.ConfirmLoginCodeForm):
    """The code that signs in."""


class PasswordCodeForm(CountedCode, account.ConfirmPasswordResetCodeForm):
    """The code before a new password."""


class AddressCodeForm(CountedCode, account.ConfirmEmailVerificationCodeForm):
    """The code that proves an address."""


class ForgottenPasswordForm(Words, account.ResetPasswordForm):
    """Asking for a code to set a new password."""


class OnePassword(Words):
    """A new password is typed once: it may be pasted, and a code lets people in if they slip."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]
        self.fields["password1"].help_text = _(
            "At least 15 characters, or 8 with a second factor. A few plain words do well."
        )


class NewPasswordForm(OnePassword, account.ResetPasswordKeyForm):
    """A new password after a mailed code."""


class FirstPasswordForm(OnePassword, account.SetPasswordForm):
    """A password for an account without one."""


class ChangedPasswordForm(OnePassword, account.ChangePasswordForm):
    """Another password."""


class ConfirmPasswordForm(Words, account.ReauthenticateForm):
    """Proving oneself again by password."""


class AddAddressForm(Words, account.AddEmailForm):
    """One more address."""


class SecondFactorForm(Words, mfa.AuthenticateForm):
    """A code of the authenticator app, or a recovery code, while signing in."""

    def clean_code(self) -> str:
        """As allauth's, but success takes back its own try only and clears no count (A02)."""
        usage = guessing.count_try(context.request, key=f"second-factor:{self.user.pk}")
        code = str(self.cleaned_data["code"])
        kinds = [Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES]
        for authenticator in Authenticator.objects.filter(user=self.user, type__in=kinds):
            if authenticator.wrap().validate_code(code):
                authenticator.user = self.user
                self.authenticator = authenticator
                usage.rollback()
                return code
        raise get_adapter().validation_error("incorrect_code")


class ConfirmSecondFactorForm(SecondFactorForm):
    """The same for proving oneself again."""

    def save(self) -> None:
        post_authentication(context.request, self.authenticator, reauthenticated=True)


class SecondPasskeyForm(webauthn.AuthenticateWebAuthnForm):
    """A passkey as second factor. Signatures cannot be guessed: no count, none to clear (A02)."""

    def clean_credential(self) -> Authenticator:
        credential = self.cleaned_data["credential"]
        auth.parse_authentication_response(credential)
        return auth.complete_authentication(self.user, credential)


class ConfirmPasskeyForm(SecondPasskeyForm):
    """The same for proving oneself again."""

    reauthenticated = True


class AuthenticatorAppForm(Words, ActivateTOTPForm):
    """The first code of an authenticator app."""


class PasskeyForm(Words, webauthn.AddWebAuthnForm):
    """A new passkey: always one that signs in by itself."""

    passwordless = forms.BooleanField(initial=True, widget=forms.HiddenInput)


class PasskeyNameForm(Words, webauthn.EditWebAuthnForm):
    """Another name for a passkey."""


class MailedCodeForm(Words):
    """A mailed code for proving oneself again; the view asks whether it is right."""

    code = forms.CharField(max_length=32)
