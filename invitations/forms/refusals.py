"""A service's refusal, in words beside the field that it is about."""

import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from django.utils.translation import gettext_lazy as _

from invitations.errors import FieldError, OwnersError

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
