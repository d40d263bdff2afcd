"""The administrators' form for the privacy statement."""

from django import forms
from django.utils.translation import gettext_lazy as _


class StatementForm(forms.Form):
    """A new version: where it can be read, or what it says, or both."""

    url = forms.CharField(
        label=_("Web address of the statement"),
        required=False,
        max_length=2000,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=_("Begins with https://"),
    )
    text = forms.CharField(
        label=_("Text of the statement"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text=_("Plain text. Guests can read it here even when the web address is away."),
    )
