"""The administrators' forms for what people agree to."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from consent.models import Publication
from consent.published import Said
from tenants.addresses import AddressError, canonical_address

AGAIN = [
    ("", _("Never, as long as the terms stay the same")),
    (90, _("After 90 days")),
    (180, _("After half a year")),
    (365, _("After a year")),
]


class TextsForm(forms.Form):
    """A new version in each language: where it can be read, or what it says, or both."""

    def __init__(self, *args: Any, newest: Publication | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said = {each["language"]: each for each in newest.said} if newest else {}
        for language, _name in reversed(settings.LANGUAGES):
            text, url = self._fields(language)
            before = said.get(language)
            url.initial, text.initial = (before["url"], before["text"]) if before else ("", "")
            self.fields = {f"url_{language}": url, f"text_{language}": text} | self.fields

    def _fields(self, language: str) -> tuple[forms.CharField, forms.CharField]:
        text = forms.CharField(
            label=_("Text"),
            required=False,
            widget=forms.Textarea(attrs={"rows": 8, "lang": language}),
            help_text=_("Plain text. Guests can read it here even when the web address is away."),
        )
        url = forms.CharField(
            label=_("Web address"),
            required=False,
            max_length=2000,
            widget=forms.URLInput(attrs={"placeholder": "https://"}),
            help_text=_("Begins with https://"),
        )
        return text, url

    def languages(self) -> list[dict[str, Any]]:
        """The fields by language, for the template."""
        return [
            {"code": code, "name": name, "url": self[f"url_{code}"], "text": self[f"text_{code}"]}
            for code, name in settings.LANGUAGES
        ]

    def others(self) -> list[forms.BoundField]:
        """What is asked beside the texts."""
        return [field for field in self if not field.name.startswith(("url_", "text_"))]

    def texts(self) -> dict[str, Said]:
        data = self.cleaned_data
        return {
            code: Said(data[f"url_{code}"].strip(), data[f"text_{code}"])
            for code, _name in settings.LANGUAGES
        }


class StatementForm(TextsForm):
    """*Privacy statement*."""

    agree_again = forms.BooleanField(
        label=_("Ask everybody to accept again"),
        required=False,
        help_text=_("Guests who accepted an older version see this one before they go on"),
    )

    def asked(self) -> dict[str, Any]:
        """The arguments of `publish_statement`."""
        return {"texts": self.texts(), "agree_again": self.cleaned_data["agree_again"]}


class TermsForm(TextsForm):
    """*Terms of use*."""

    required = forms.BooleanField(
        label=_("Guests must accept these terms"),
        required=False,
        initial=True,
        help_text=_("Clear this to stop asking; what was accepted stays readable"),
    )
    again = forms.TypedChoiceField(
        label=_("Ask again"), required=False, choices=AGAIN, coerce=int, empty_value=None
    )

    def asked(self) -> dict[str, Any]:
        """The arguments of `publish_terms`."""
        days = self.cleaned_data["again"]
        return {
            "texts": self.texts(),
            "required": self.cleaned_data["required"],
            "accept_again_after": timedelta(days=days) if days else None,
        }


class EnterForm(forms.Form):
    """Who comes by the direct link."""

    address = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "spellcheck": "false"}),
        error_messages={"required": _("Enter an e-mail address")},
    )

    def clean_address(self) -> str:
        try:
            return canonical_address(self.cleaned_data["address"])
        except AddressError as error:
            raise forms.ValidationError(
                _("Enter one e-mail address, like name@example.org")
            ) from error
