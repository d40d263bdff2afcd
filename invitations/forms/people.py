"""Who somebody is, who answers for them, and what they may do here."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from invitations.models import DirectoryEntry
from invitations.permissions import Role
from invitations.services.directory import find_by_address
from tenants.models import UserType


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
        members = Q(user_type=UserType.MEMBER) | Q(sponsoring__entry=entry)
        found = DirectoryEntry.objects.inside().filter(members).exclude(pk=entry.pk).distinct()
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
        error_messages={"required": _("Enter an e-mail address")},
    )
    name = forms.CharField(label=_("Name"), required=False, strip=False)

    def asked(self) -> dict[str, Any]:
        return {"address": self.cleaned_data["email"], "display_name": self.cleaned_data["name"]}


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
