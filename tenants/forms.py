"""Forms on the public side."""

from typing import Any

from allauth.account.forms import RequestLoginCodeForm
from django.utils.translation import gettext_lazy as _


class RequestCodeForm(RequestLoginCodeForm):
    """allauth's form with our words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail address")
