"""Text that people type and others read: names and messages that cannot deceive (M01–M04). Pure."""

import re
import unicodedata

LINK = re.compile(r"(?i)(?:[a-z][a-z0-9+.-]*:/{1,2}|//|\bwww\.|\bmailto:)\S*")
# A word, a dot, and a top-level domain of two or more letters: “example.org”, but not “e.g. this”.
DOMAIN = re.compile(r"(?i)\b(?:[^\W_](?:[\w-]*[^\W_])?\.)+(?:xn--[a-z0-9-]+|[^\W\d_]{2,})\b")
TELEPHONE = re.compile(r"(?<![\w-])\+?\(?\d(?:[\s().\-/]{0,2}\d){8,14}(?![\w-])")
FORBIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
JOINERS = {"\u200c", "\u200d"}  # needed inside words of Persian and Indic scripts
ALIKE = ("LATIN", "CYRILLIC", "GREEK")


class WordsError(ValueError):
    """The text may not be used; `reason` is one of the constants below."""

    CONTROL = "control"
    LINK = "link"
    TELEPHONE = "telephone"
    LONG = "long"
    EMPTY = "empty"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _is_hidden(text: str, at: int) -> bool:
    character = text[at]
    if unicodedata.category(character) not in FORBIDDEN_CATEGORIES:
        return False
    neighbours = text[max(at - 1, 0) : at] + text[at + 1 : at + 2]
    joins = len(neighbours) == 2 and not neighbours.isascii()
    return not (character in JOINERS and joins)


def visible(text: str) -> str:
    """The text without what cannot be seen or turns other text around, for what nobody can be
    asked to type again; in one line."""
    spaced = " ".join(text.split())
    return "".join(each for at, each in enumerate(spaced) if not _is_hidden(spaced, at))


def check_name(text: str, *, longest: int, own_domains: frozenset[str] = frozenset()) -> str:
    """A person's or an organization's name, trimmed and NFC; raises `WordsError`.

    Refuses control, bidi, zero-width and private-use characters (M01, M04) and anything that
    reads as a link or a domain other than the tenant's own verified ones (M03).
    """
    name = unicodedata.normalize("NFC", text.strip(" "))
    if any(_is_hidden(name, at) for at in range(len(name))):
        raise WordsError(WordsError.CONTROL)
    if len(name) > longest:
        raise WordsError(WordsError.LONG)
    foreign = [found for found in DOMAIN.findall(name) if found.lower() not in own_domains]
    if LINK.search(name) or foreign:
        raise WordsError(WordsError.LINK)
    return name


def check_message(text: str, *, longest: int, links_allowed: bool) -> str:
    """A personal message: plain text with line breaks; raises `WordsError`."""
    message = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    flat = message.replace("\n", " ").replace("\t", " ")
    if any(_is_hidden(flat, at) for at in range(len(flat))):
        raise WordsError(WordsError.CONTROL)
    if len(message) > longest:
        raise WordsError(WordsError.LONG)
    if not links_allowed:
        if LINK.search(message) or DOMAIN.search(message):
            raise WordsError(WordsError.LINK)
        if TELEPHONE.search(message):
            raise WordsError(WordsError.TELEPHONE)
    return message


def mixes_lookalikes(text: str) -> bool:
    """Whether Latin stands beside Cyrillic or Greek letters: shown with a warning (M04)."""
    scripts = {
        script
        for character in text
        if character.isalpha()
        for script in ALIKE
        if unicodedata.name(character, "").startswith(script)
    }
    return len(scripts) > 1


def masked_address(address: str) -> str:
    """`c•••••••@fabrikam.example`: enough for its owner, little for anybody else."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}{'•' * 7}@{domain}"
