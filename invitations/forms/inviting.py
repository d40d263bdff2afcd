"""Inviting a guest: as an administrator, and as an owner of apps and groups."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from invitations.errors import FieldError
from invitations.forms.access import AccessForm
from invitations.forms.refusals import words_for
from invitations.forms.validity import validity_choices
from invitations.models import LandingPage, TenantPolicy
from invitations.services import fields
from invitations.services.access import MOST_AT_ONCE


def message_help(policy: TenantPolicy) -> Any:
    """What a personal message may hold."""
    if policy.links_in_messages:
        return _("Plain text, at most 500 characters.")
    return _(
        "Plain text, at most 500 characters. Web addresses and telephone numbers are not allowed."
    )


class InviteForm(AccessForm):
    """*Invite a guest* (design/admin-invite.html)."""

    email = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        strip=False,
        widget=forms.EmailInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "email"}
        ),
        error_messages={"required": _("Enter the guest’s e-mail address")},
    )
    name = forms.CharField(
        label=_("Name"),
        required=False,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    language = forms.ChoiceField(label=_("Language of the e-mail"))
    landing = forms.ChoiceField(
        label=_("Open after accepting"),
        required=False,
        help_text=_("Where the guest arrives once the invitation is redeemed"),
    )
    message = forms.CharField(
        label=_("Personal message"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    validity = forms.TypedChoiceField(label=_("Invitation expires after"), coerce=int)
    send_mail = forms.BooleanField(
        label=_("Send the invitation by e-mail"),
        required=False,
        initial=True,
        help_text=_("Clear this to get a link that you pass on yourself"),
    )

    def __init__(self, *args: Any, policy: TenantPolicy, language: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._policy = policy
        self._choose("language", [("en", "English"), ("nl", "Nederlands")], language)
        pages = LandingPage.objects.order_by("name").values_list("url", "name")
        self._choose("landing", [("", _("The first app chosen, else My access")), *pages], "")
        self._choose("validity", validity_choices(policy), int(policy.validity.total_seconds()))
        self.fields["message"].help_text = message_help(policy)

    def _choose(self, name: str, choices: list[tuple[Any, Any]], initial: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # nosec B101: for the type
        field.choices = choices
        field.initial = initial

    def _checked(self, name: str, check: Callable[[str], str]) -> str:
        """Every field is checked, so that all problems are shown at once."""
        try:
            return check(self.cleaned_data[name])
        except FieldError as error:
            raise forms.ValidationError(words_for(error)) from error

    def clean_email(self) -> str:
        return self._checked("email", fields.clean_address)

    def clean_name(self) -> str:
        return self._checked("name", fields.clean_display_name)

    def clean_message(self) -> str:
        return self._checked("message", lambda text: fields.clean_message(text, self._policy))

    def destination(self) -> str:
        """Where the guest would land, as the mail calls it; empty for My access."""
        landing: Any = self.fields["landing"]
        apps: Any = self.fields["apps"]
        if page := self["landing"].value():
            return str(dict(landing.choices).get(page, ""))
        chosen = {str(pk) for pk in self["apps"].value() or ()}
        offered = apps.queryset if chosen else ()
        return next((app.name for app in offered if app.home_url and str(app.pk) in chosen), "")

    def asked(self) -> dict[str, Any]:
        """The arguments of `invite_guest`."""
        data = self.cleaned_data
        return {
            "email": data["email"],
            "display_name": data["name"],
            "language": data["language"],
            "redirect_url": data["landing"],
            "message": data["message"],
            "validity": timedelta(seconds=data["validity"]),
            "send_mail": data["send_mail"],
            **super().asked(),
        }


class ShareForm(forms.Form):
    """*Invite someone from outside* (design/worker-invite.html)."""

    thing = forms.ChoiceField(
        label=_("What to share"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what to share")},
    )
    to = forms.CharField(
        label=_("Their e-mail addresses"),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
        max_length=5 * 400,
        error_messages={"required": _("Enter at least one e-mail address")},
    )
    message = forms.CharField(
        label=_("Personal message"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(
        self, *args: Any, own: dict[str, Any], policy: TenantPolicy, **kwargs: Any
    ) -> None:
        """`own` is what can be shared, by the value that stands for it."""
        super().__init__(*args, **kwargs)
        self._own, self._policy = own, policy
        field = self.fields["thing"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # nosec B101: for the type
        field.choices = [(value, str(thing)) for value, thing in own.items()]
        self.fields["to"].help_text = _(
            "Up to 5, one on each line. Use work addresses if they have one."
        )
        self.fields["message"].help_text = message_help(policy)

    def clean_to(self) -> list[str]:
        """Canonical addresses, each once."""
        lines = [line.strip() for line in re.split(r"[\n,;]+", self.cleaned_data["to"])]
        addresses, problems = dict[str, None](), list[str]()
        for line in filter(None, lines):
            try:
                addresses[fields.clean_address(line)] = None
            except FieldError as error:
                several = line.count("@") > 1
                why = _("one address on each line") if several else words_for(error)
                problems.append(f"{line[:80]}: {why}")
        if problems:
            raise forms.ValidationError(problems)
        if not 0 < len(addresses) <= MOST_AT_ONCE:
            raise forms.ValidationError(_("Enter one to five addresses, one on each line"))
        return list(addresses)

    def clean_message(self) -> str:
        try:
            return fields.clean_message(self.cleaned_data["message"], self._policy)
        except FieldError as error:
            raise forms.ValidationError(words_for(error)) from error

    @property
    def chosen(self) -> Any:
        """The app or group that is shared; for a valid form."""
        return self._own[self.cleaned_data["thing"]]
