"""The administrators' forms for shared apps."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from consent.clients import Registration
from consent.errors import UriError
from consent.models import AccessTokenFormat, ClientType, OAuthClient, SigningAlgorithm
from consent.uris import parse_uris
from invitations.errors import FieldError, RedirectUrlError
from invitations.forms.refusals import words_for
from invitations.models import DirectoryEntry, Group, WhoMayEnter
from invitations.redirects import app_origin_of
from invitations.services.directory import find_by_address
from invitations.services.logos import LARGEST_UPLOAD

ADDRESSES = {"rows": 3, "spellcheck": "false", "autocapitalize": "none"}


class AppForm(forms.Form):
    """A shared app: what people see of it, and how it signs them in."""

    name = forms.CharField(
        label=_("Name"), max_length=64, error_messages={"required": _("Enter a name")}
    )
    description = forms.CharField(
        label=_("What it is for"),
        max_length=200,
        required=False,
        help_text=_("Shown beside the name, for example “Files, tasks and meetings”"),
    )
    home_url = forms.CharField(
        label=_("Home page"),
        max_length=2000,
        required=False,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=_("Where the direct link ends. Leave it empty for a service nobody opens."),
    )
    who_may_enter = forms.ChoiceField(
        label=_("Who may enter"), choices=WhoMayEnter.choices, initial=WhoMayEnter.ASSIGNED
    )
    client_type = forms.ChoiceField(
        label=_("Kind of app"), choices=ClientType.choices, initial=ClientType.WEB
    )
    redirect_uris = forms.CharField(
        label=_("Redirect URLs"),
        widget=forms.Textarea(attrs=ADDRESSES),
        help_text=_(
            "One on each line, exactly as the app sends them. No wildcards. A service has none."
        ),
        error_messages={"required": _("Enter at least one redirect URL")},
    )
    sign_out_uris = forms.CharField(
        label=_("Sign-out URLs"),
        required=False,
        widget=forms.Textarea(attrs=ADDRESSES),
        help_text=_("Where people may go after they sign out, one on each line"),
    )
    id_token_algorithm = forms.ChoiceField(
        label=_("Signature of ID tokens"),
        choices=SigningAlgorithm.choices,
        initial=SigningAlgorithm.RS256,
    )
    access_token_format = forms.ChoiceField(
        label=_("Access tokens"),
        choices=AccessTokenFormat.choices,
        initial=AccessTokenFormat.OPAQUE,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self["client_type"].value() == ClientType.SERVICE:
            self.fields["redirect_uris"].required = False

    @classmethod
    def of(cls, client: OAuthClient, posted: Any) -> "AppForm":
        """With what is registered now."""
        app = client.app
        initial = {
            "name": app.name,
            "description": app.description,
            "home_url": app.home_url,
            "who_may_enter": app.who_may_enter,
            "client_type": client.client_type,
            "redirect_uris": "\n".join(client.redirect_uris),
            "sign_out_uris": "\n".join(client.sign_out_uris),
            "id_token_algorithm": client.id_token_algorithm,
            "access_token_format": client.access_token_format,
        }
        return cls(posted, initial=initial)

    def _uris(self, name: str) -> list[str]:
        try:
            return parse_uris(self.cleaned_data[name])
        except UriError as error:
            text = _(
                "“%(uri)s” cannot be used: enter a full address that begins with https://, or with "
                "http://localhost and a port, without # and *"
            )
            raise forms.ValidationError(
                [text % {"uri": uri[:200]} for uri in error.args]
            ) from error

    def clean_home_url(self) -> str:
        """Said at once with the other problems, in the words of the service."""
        url = str(self.cleaned_data["home_url"]).strip()
        try:
            if url:
                app_origin_of(url)
        except RedirectUrlError as error:
            unfit = FieldError("home_url", "redirect")
            raise forms.ValidationError(words_for(unfit)) from error
        return url

    def clean_redirect_uris(self) -> list[str]:
        return self._uris("redirect_uris")

    def clean_sign_out_uris(self) -> list[str]:
        return self._uris("sign_out_uris")

    def clean(self) -> dict[str, Any]:
        """Addresses that a service would never use: said, not kept for nothing."""
        data: dict[str, Any] = self.cleaned_data
        if data.get("client_type") == ClientType.SERVICE:
            for name in ("redirect_uris", "sign_out_uris"):
                if data.get(name):
                    text = _("A service signs nobody in: clear this, or choose another kind of app")
                    self.add_error(name, text)
        return data

    def about(self) -> dict[str, Any]:
        """What `add_app` takes."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "description": data["description"],
            "home_url": data["home_url"],
            "who_may_enter": WhoMayEnter(data["who_may_enter"]),
        }

    def registration(self) -> Registration:
        data = self.cleaned_data
        return Registration(
            client_type=ClientType(data["client_type"]),
            redirect_uris=tuple(data["redirect_uris"]),
            sign_out_uris=tuple(data["sign_out_uris"]),
            id_token_algorithm=SigningAlgorithm(data["id_token_algorithm"]),
            access_token_format=AccessTokenFormat(data["access_token_format"]),
        )

    def seen(self) -> Sequence[forms.BoundField]:
        """What people see of it."""
        return [self[name] for name in ("name", "description", "home_url", "who_may_enter")]

    def technical(self) -> Sequence[forms.BoundField]:
        """What who builds the app knows."""
        shown = {field.name for field in self.seen()}
        return [field for field in self if field.name not in shown]


class AssignForm(forms.Form):
    """Give an app to somebody, or to a group."""

    # A group will do instead of the address.
    use_required_attribute = False

    email = forms.CharField(
        label=_("E-mail address of somebody in the directory"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Enter an address or choose a group")},
    )
    group = forms.ModelChoiceField(
        label=_("Or a group"), queryset=Group.objects.none(), required=False, empty_label="–"
    )
    roles = forms.CharField(
        label=_("Roles in the app"),
        max_length=700,
        required=False,
        help_text=_("The app’s own words, separated by commas: it gets them as “roles”"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["group"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  # nosec B101: for the type
        field.queryset = Group.objects.order_by("name")
        self.fields["email"].required = not self["group"].data

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        if data.get("email") and data.get("group"):
            self.add_error("email", _("Enter an address or choose a group, not both"))
        return data

    def asked(self) -> dict[str, Any]:
        """The arguments of `assign`; raises `FieldError` for an address that nobody has."""
        data = self.cleaned_data
        to: DirectoryEntry | Group = data["group"] or find_by_address(data["email"])
        return {"to": to, "roles": data["roles"].split(",")}


class LogoForm(forms.Form):
    """A picture for the app."""

    logo = forms.FileField(
        label=_("Picture"),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        help_text=_("PNG, JPEG or WebP, at most 512 KB. It is shown small, in a square."),
        error_messages={"required": _("Choose a picture")},
    )

    def upload(self) -> bytes:
        """Its bytes; raises `FieldError` before reading what is too large."""
        file = self.cleaned_data["logo"]
        if file.size > LARGEST_UPLOAD:
            raise FieldError("logo", "long")
        return bytes(file.read())
