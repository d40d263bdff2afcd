"""The organization: its beginning, its invitation policies and landing pages."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from invitations.domains import DomainRule, parse_domains
from invitations.errors import DomainRuleError
from invitations.forms.validity import validity_choices
from invitations.models import TenantPolicy
from invitations.permissions import WhoMayInvite

KEEPING = [
    (30, _("After 30 days")),
    (90, _("After 90 days")),
    (180, _("After half a year")),
    (365, _("After a year")),
    (0, _("Never")),
]


class PolicyForm(forms.Form):
    """The tenant's invitation policies."""

    validity = forms.TypedChoiceField(
        label=_("Invitations expire after"),
        coerce=int,
        help_text=_("Unless the inviter chooses otherwise"),
    )
    allow_links = forms.BooleanField(
        label=_("Allow web addresses and telephone numbers in personal messages"),
        required=False,
        help_text=_("They are shown as text that cannot be clicked"),
    )

    remind = forms.BooleanField(
        label=_("Remind guests once before an invitation expires"), required=False
    )
    keep = forms.TypedChoiceField(
        label=_("Delete guests who never accepted"),
        coerce=int,
        help_text=_("Counted from the end of their last invitation; restorable for 30 days"),
    )
    who_may_invite = forms.ChoiceField(label=_("Who may invite"), choices=WhoMayInvite.choices)
    domain_rule = forms.ChoiceField(label=_("Whom they may invite"), choices=DomainRule.choices)
    domains = forms.CharField(
        label=_("Domains"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "none"}),
        help_text=_(
            "One on each line. example.org is that domain alone, *.example.org everything below it."
        ),
    )
    second_factor = forms.BooleanField(
        label=_("Ask administrators for a second factor"),
        required=False,
        help_text=_("A passkey or an authenticator app, before the administration opens"),
    )

    def __init__(self, *args: Any, policy: TenantPolicy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["validity"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # nosec B101: for the type
        field.choices = validity_choices(policy)
        field.initial = int(policy.validity.total_seconds())
        self.fields["allow_links"].initial = policy.links_in_messages
        self.fields["remind"].initial = policy.remind
        self.fields["second_factor"].initial = policy.second_factor_for_administrators
        self.fields["who_may_invite"].initial = policy.who_may_invite
        self.fields["domain_rule"].initial = policy.domain_rule
        self.fields["domains"].initial = "\n".join(policy.domains)
        keep = self.fields["keep"]
        assert isinstance(keep, forms.ChoiceField)  # noqa: S101  # nosec B101: for the type
        own = policy.keep_unredeemed.days if policy.keep_unredeemed else 0
        label: Any = ngettext_lazy("%d day", "%d days", own) % own
        keep.choices = KEEPING if own in dict(KEEPING) else [*KEEPING, (own, label)]
        keep.initial = own

    def clean_domains(self) -> list[str]:
        try:
            return parse_domains(self.cleaned_data["domains"])
        except DomainRuleError as error:
            text = _("“%(domain)s” is not a domain") % {"domain": error}
            raise forms.ValidationError(text) from error

    def clean(self) -> dict[str, Any]:
        """A list that was just typed and would count for nothing: somebody believes it does."""
        data: dict[str, Any] = self.cleaned_data
        is_idle = data.get("domain_rule") == DomainRule.ANY
        if is_idle and data.get("domains") and "domains" in self.changed_data:
            text = _("Choose what these domains are for at “Whom they may invite”, or clear them")
            self.add_error("domains", text)
        return data

    def asked(self) -> dict[str, Any]:
        """The arguments of `change_policy`."""
        data = self.cleaned_data
        return {
            "validity": timedelta(seconds=data["validity"]),
            "links_in_messages": data["allow_links"],
            "remind": data["remind"],
            "keep_unredeemed": timedelta(days=data["keep"]) if data["keep"] else None,
            "second_factor_for_administrators": data["second_factor"],
            "who_may_invite": WhoMayInvite(data["who_may_invite"]),
            "domain_rule": DomainRule(data["domain_rule"]),
            "domains": data["domains"],
        }


class LandingPageForm(forms.Form):
    """One more page that guests may be sent to."""

    name = forms.CharField(
        label=_("Name"), max_length=64, error_messages={"required": _("Enter a name")}
    )
    url = forms.CharField(
        label=_("Web address"),
        max_length=2000,
        error_messages={"required": _("Enter a full web address that begins with https://")},
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=_("Begins with https://. Only its origin counts: other pages of it work too."),
    )


class SetupForm(forms.Form):
    """The first organization of an empty installation."""

    name = forms.CharField(
        label=_("Name of the organization"),
        max_length=64,
        error_messages={"required": _("Enter a name")},
    )
    slug = forms.CharField(
        label=_("Short name for web addresses"),
        max_length=60,
        help_text=_("Small letters, digits and hyphens, for example contoso"),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
        error_messages={
            "required": _("Use small letters, digits and hyphens; some names are reserved")
        },
    )
    domain = forms.CharField(
        label=_("Mail domain"),
        max_length=253,
        required=False,
        help_text=_("For example contoso.example"),
    )
    admin_address = forms.CharField(
        label=_("Your e-mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Enter an e-mail address")},
    )
    admin_name = forms.CharField(label=_("Your name"), max_length=100, required=False)
