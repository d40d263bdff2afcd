"""What Foyer's templates need beyond Django's own tags."""

import re

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """One symbol of the sprite; it says nothing to screen readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#i-{}"/></svg>',
        static("foyer/icons.svg"),
        name,
    )


@register.filter
def soft_break(address: str) -> SafeString:
    """An address or a host that may break at its @, dots or port, whatever the direction around it."""
    local, at, domain = str(address).rpartition("@")
    if at:
        return format_html("<bdi>{}@<wbr>{}</bdi>", local, domain)
    first, *more = re.split(r"(?=\.|:\d)", domain)
    rest = format_html_join("", "<wbr>{}", ((part,) for part in more))
    return format_html("<bdi>{}{}</bdi>", first, rest)


@register.filter
def soft_hash(digest: str) -> SafeString:
    """A hash that may break after every eighth character."""
    parts = (digest[at : at + 8] for at in range(0, len(digest), 8))
    return format_html_join(SafeString("<wbr>"), "{}", ((part,) for part in parts))


@register.filter
def initials(name: str) -> str:
    """One or two capital letters for the mark of a person."""
    words = [word for word in str(name).replace("@", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"
