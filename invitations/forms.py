"""The administrators' forms. What they take is checked by the services; here it gets words."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Q
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from invitations.domains import DomainRule, parse_domains
from invitations.errors import DomainRuleError, FieldError, OwnersError
from invitations.models import DirectoryEntry, Group, LandingPage, SharedApp, TenantPolicy
from invitations.permissions import Role, WhoMayInvite
from invitations.services import fields
from invitations.services.access import MOST_AT_ONCE
from invitations.services.directory import find_by_address
from invitations.states import ExternalUserState
from tenants.models import UserType

VALIDITIES = [
    (3600, _("1 hour")),
    (24 * 3600, _("1 day")),
    (3 * 24 * 3600, _("3 days")),
    (7 * 24 * 3600, _("7 days")),
    (14 * 24 * 3600, _("14 days")),
    (30 * 24 * 3600, _("30 days")),
]
DAY = 24 * 3600
KEEPING = [
    (30, _("After 30 days")),
    (90, _("After 90 days")),
    (180, _("After half a year")),
    (365, _("After a year")),
    (0, _("Never")),
]

# What is said for each (field, reason) of a `FieldError`.
WORDS = {
    ("email", "address"): _("Enter one e-mail address, like name@example.org"),
    ("email", "person"): _("Somebody in the directory has this address"),
    ("email", "exists"): _("This address is in the list already"),
    ("email", "domain"): _("This organization does not invite people of this domain"),
    ("email", "nobody"): _("Nobody in the directory has this address"),
    ("name", "empty"): _("Enter a name"),
    ("name", "exists"): _("This name is taken"),
    ("description", "control"): _("Take the invisible or control characters out of the text"),
    ("description", "link"): _("Take the web address out of the text"),
    ("description", "long"): _("Shorten the text to 200 characters"),
    ("home_url", "redirect"): _(
        "Enter a full web address that begins with https://, or with http://localhost and a port"
    ),
    ("logo", "long"): _("Choose a picture of at most 512 KB and 4096 pixels a side"),
    ("logo", "picture"): _("Choose a PNG, JPEG or WebP picture"),
    ("roles", "role"): _("At most ten roles of up to 64 characters each"),
    ("domains", "empty"): _("Enter at least one domain"),
    ("name", "control"): _("Take the invisible or control characters out of the name"),
    ("name", "link"): _("Take the web address out of the name"),
    ("name", "long"): _("Shorten the name to 100 characters"),
    ("message", "control"): _("Take the invisible or control characters out of the message"),
    ("message", "link"): _("Take the web address out of the message"),
    ("message", "telephone"): _("Take the telephone number out of the message"),
    ("message", "long"): _("Shorten the message to 500 characters"),
    ("landing", "redirect"): _("Choose one of the landing pages of this organization"),
    ("validity", "bounds"): _("Choose between 1 hour and 30 days"),
    ("language", "language"): _("Choose one of the languages"),
    ("url", "redirect"): _("Enter a full web address that begins with https://"),
    ("url", "exists"): _("This page is in the list already"),
    ("url", "empty"): _("Enter a web address or a text, or both"),
    ("url", "long"): _("Shorten the address to 255 characters"),
    ("text", "long"): _("Shorten the text to 50,000 characters"),
}


TOO_MANY_OWNERS = _("At most ten people who are in can be owners")
NOT_ALLOWED = _("The policy of this organization does not let you invite people.")


def words_for(error: FieldError) -> str:
    """What a person reads for a service's refusal; `url_nl` is said like `url`."""
    kind = re.sub(r"_[a-z]{2}$", "", error.field)
    return str(WORDS.get((kind, error.reason), _("This cannot be used")))


def say(form: forms.Form, error: FieldError) -> None:
    """Put a service's refusal beside the field it is about."""
    form.add_error(error.field if error.field in form.fields else None, words_for(error))


def answered(form: Any, perform: Callable[[], object]) -> bool:
    """Do what a form asks for, or say beside its fields why not; whether it was done.

    The 404 of an id that never existed when what it is about is gone meanwhile.
    """
    if not form.is_valid():
        return False
    try:
        perform()
    except FieldError as error:
        say(form, error)
    except ObjectDoesNotExist as error:
        raise Http404 from error
    except OwnersError:
        form.add_error("email", str(TOO_MANY_OWNERS))
    else:
        return True
    return False


def outcome(form: Any, perform: Callable[[], str]) -> str:
    """What `perform` says that it did; empty when the form says beside its fields why not."""
    said: list[str] = []
    answered(form, lambda: said.append(perform()))
    return "".join(said)


def validity_choices(policy: TenantPolicy) -> list[tuple[int, Any]]:
    """The usual periods, and the tenant's own when it is another."""
    own = int(policy.validity.total_seconds())
    if own in dict(VALIDITIES):
        return VALIDITIES
    hours, days = own // 3600, own // DAY
    label: Any = (
        ngettext_lazy("%d day", "%d days", days) % days
        if own % DAY == 0
        else ngettext_lazy("%d hour", "%d hours", hours) % hours
    )
    return sorted([*VALIDITIES, (own, label)])


def message_help(policy: TenantPolicy) -> Any:
    """What a personal message may hold."""
    if policy.links_in_messages:
        return _("Plain text, at most 500 characters.")
    return _(
        "Plain text, at most 500 characters. Web addresses and telephone numbers are not allowed."
    )


class AccessForm(forms.Form):
    """What somebody is given: apps, and groups with the apps they have."""

    apps = forms.ModelMultipleChoiceField(
        label=_("Apps"),
        queryset=SharedApp.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups"),
        queryset=Group.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def offer(self, *, apps: Any, groups: Any) -> None:
        """What can be chosen; nothing is asked for what there is none of."""
        for name, found in (("apps", apps), ("groups", groups)):
            field = self.fields[name]
            assert isinstance(field, forms.ModelMultipleChoiceField)  # noqa: S101  # nosec B101: for the type
            field.queryset = found.order_by("name")

    def shares_strange(self) -> bool:
        """Whether something was asked for that is not this person's to give (P04)."""
        return any(self.has_error(name, "invalid_choice") for name in ("apps", "groups"))

    def access(self) -> list[forms.BoundField]:
        """The fields with something to choose, for the template."""
        return [self[name] for name in ("apps", "groups") if self[name].subwidgets]

    def asked(self) -> dict[str, Any]:
        return {name: list(self.cleaned_data[name]) for name in ("apps", "groups")}


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

    name = forms.CharField(label=_("Name"), max_length=64)
    url = forms.CharField(
        label=_("Web address"),
        max_length=2000,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=_("Begins with https://. Only its origin counts: other pages of it work too."),
    )


class SetupForm(forms.Form):
    """The first organization of an empty installation."""

    name = forms.CharField(label=_("Name of the organization"), max_length=64)
    slug = forms.CharField(
        label=_("Short name for web addresses"),
        max_length=60,
        help_text=_("Small letters, digits and hyphens, for example contoso"),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
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
    )
    admin_name = forms.CharField(label=_("Your name"), max_length=100, required=False)


class AddressForm(forms.Form):
    """Where the invitation goes from now on."""

    email = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        strip=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Enter an e-mail address")},
    )

    def __init__(self, *args: Any, required: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].required = required

    def asked(self) -> dict[str, Any]:
        return {"address": self.cleaned_data["email"]}


class SponsorsForm(forms.Form):
    """Who answers for a guest: people who are in."""

    sponsors = forms.ModelMultipleChoiceField(
        label=_("Sponsors"),
        queryset=DirectoryEntry.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, entry: DirectoryEntry, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["sponsors"]
        assert isinstance(field, forms.ModelMultipleChoiceField)  # noqa: S101  # nosec B101: for the type
        inside = DirectoryEntry.objects.present().filter(
            enabled=True, external_user_state=ExternalUserState.ACCEPTED
        )
        members = Q(user_type=UserType.MEMBER) | Q(sponsoring__entry=entry)
        found = inside.filter(members).exclude(pk=entry.pk).distinct()
        field.queryset = found.order_by("display_name", "address")
        field.initial = [sponsor.pk for sponsor in entry.sponsors.all()]

    def asked(self) -> dict[str, Any]:
        return {"sponsors": list(self.cleaned_data["sponsors"])}


class RolesForm(forms.Form):
    """What somebody may do here."""

    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=Role.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, roles: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].initial = list(roles)

    def asked(self) -> dict[str, Any]:
        return {"roles": [Role(role) for role in self.cleaned_data["roles"]]}


class ContactForm(forms.Form):
    """An address that is no person's sign-in."""

    email = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        strip=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    name = forms.CharField(label=_("Name"), required=False, strip=False)

    def asked(self) -> dict[str, Any]:
        return {"address": self.cleaned_data["email"], "display_name": self.cleaned_data["name"]}


class GroupForm(forms.Form):
    """A group of guests and members."""

    name = forms.CharField(
        label=_("Name"), max_length=64, error_messages={"required": _("Enter a name")}
    )
    description = forms.CharField(label=_("What it is for"), max_length=200, required=False)


class WhoForm(forms.Form):
    """Somebody of the directory, by address."""

    email = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Enter an e-mail address")},
    )

    def find(self) -> DirectoryEntry:
        """Who has this address here; `FieldError` for nobody. Only for a valid form."""
        return find_by_address(self.cleaned_data["email"])


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
