"""Changing the content security policy of one response whose value is known only in the view."""

from collections.abc import Mapping, Sequence

from django.http import HttpResponse


def add_sources(response: HttpResponse, sources: Mapping[str, Sequence[str]]) -> None:
    """Allow more for these directives than the settings do."""
    # What django-csp's decorators set; they only take values known at import.
    response._csp_update = dict(sources)  # type: ignore[attr-defined]  # noqa: SLF001


def replace_sources(response: HttpResponse, sources: Mapping[str, Sequence[str]]) -> None:
    """Put these directives in the place of the settings'."""
    response._csp_replace = dict(sources)  # type: ignore[attr-defined]  # noqa: SLF001
