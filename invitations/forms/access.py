"""What people are given: apps, and groups of people who have them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from invitations.models import Group, SharedApp


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


class GroupForm(forms.Form):
    """A group of guests and members."""

    name = forms.CharField(
        label=_("Name"), max_length=64, error_messages={"required": _("Enter a name")}
    )
    description = forms.CharField(label=_("What it is for"), max_length=200, required=False)
