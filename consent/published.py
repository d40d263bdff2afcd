"""Texts that people agree to, in several languages: checking, hashing, making a version."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from invitations.errors import FieldError, RedirectUrlError
from invitations.redirects import origin_of

LONGEST_TEXT = 50_000
LONGEST_URL = 255


@dataclass(frozen=True)
class Said:
    """What a version says in one language: an https address of at most 255 characters, plain
    text of at most 50,000, or both."""

    url: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.url or self.text)


Texts = Mapping[str, Said]


def content_hash(texts: Texts) -> str:
    """SHA-256 in hex over `[[language, url, text], …]` by language, as JSON without spaces."""
    said = [[language, texts[language].url, texts[language].text] for language in sorted(texts)]
    canonical = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _clean_one(language: str, said: Said) -> Said:
    text = said.text.replace("\r\n", "\n").strip()
    if "\0" in text or len(text) > LONGEST_TEXT:
        raise FieldError(f"text_{language}", "long")
    if said.url:
        try:
            origin_of(said.url)
        except RedirectUrlError as error:
            raise FieldError(f"url_{language}", "redirect") from error
    if len(said.url) > LONGEST_URL:
        raise FieldError(f"url_{language}", "long")
    return Said(said.url, text)


def clean_texts(texts: Texts) -> dict[str, Said]:
    """The languages in which something is said; `FieldError` naming `url_<lang>` or `text_<lang>`.

    At least one language must say something, in a language Foyer speaks.
    """
    cleaned = {language: _clean_one(language, said) for language, said in texts.items()}
    spoken = {language: said for language, said in cleaned.items() if said}
    known = dict(settings.LANGUAGES)
    if not spoken or not set(spoken) <= set(known):
        raise FieldError(f"url_{next(iter(texts), settings.LANGUAGE_CODE)}", "empty")
    return spoken
