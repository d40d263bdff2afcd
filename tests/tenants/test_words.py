import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.words import (
    WordsError,
    check_message,
    check_name,
    masked_address,
    mixes_lookalikes,
)

GOOD_NAMES = [
    "Contoso",
    "Москва",
    "株式会社 ABC",
    "Ångström & Söner",
    "Gita Nair",
    "O’Neil",
    "Renée d'Arc",
    "Müller-Lüdenscheidt",
    "Ελλάδα",
    "شركة كونتوسو",
    "חברת קונטוסו",
    "한국 회사",
    "カフェ・ABC",
    "ไทย",
    "नमस्ते",
    "क्\u200dष",
    "می\u200cخواهم",
    "Dr. A. Smith",
    "B.V. De Vries",
    "Team 42 (night shift)",
    "50% off?",
    "{{ name }}",
    "{% now %}",
    "%(x)s",
    "<b>Bold</b>",
    "*stars* _lines_",
    "",
    "Sales + Marketing",
    "AT&T",
    "a/b",
]
BAD_NAMES = {
    "https://evil.example": WordsError.LINK,
    "www.evil.example": WordsError.LINK,
    "WWW.EVIL.EXAMPLE": WordsError.LINK,
    "evil.example": WordsError.LINK,
    "Visit evil.example now": WordsError.LINK,
    "EVIL.COM": WordsError.LINK,
    "пример.рф": WordsError.LINK,
    "x.xn--p1ai": WordsError.LINK,
    "ftp://files": WordsError.LINK,
    "//evil": WordsError.LINK,
    "mailto:me": WordsError.LINK,
    "javascript:/alert": WordsError.LINK,
    "Conto\u202eso": WordsError.CONTROL,
    "\u2066Contoso\u2069": WordsError.CONTROL,
    "Con\u200btoso": WordsError.CONTROL,
    "Con\u200dtoso": WordsError.CONTROL,
    "\ufeffContoso": WordsError.CONTROL,
    "Contoso\u00ad": WordsError.CONTROL,
    "Contoso\ue000": WordsError.CONTROL,
    "Contoso\U000f0000": WordsError.CONTROL,
    "Contoso\u2028": WordsError.CONTROL,
    "Contoso\r\nBcc: x": WordsError.CONTROL,
    "Contoso\x00": WordsError.CONTROL,
    "Contoso\x1b[31m": WordsError.CONTROL,
    "Contoso\x85": WordsError.CONTROL,
    "Contoso\u061c": WordsError.CONTROL,
    "Contoso\u180e": WordsError.CONTROL,
    "x" * 65: WordsError.LONG,
}


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_names_of_all_scripts_pass(name: str) -> None:
    """M04: whole scripts, Han and Kana with Latin, and joiners inside words that need them."""
    assert check_name(name, longest=64) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(("name", "reason"), list(BAD_NAMES.items()))
def test_names_that_deceive_are_refused(name: str, reason: str) -> None:
    """M01, M03, M04: control, bidi, zero-width and private-use characters; links and domains."""
    with pytest.raises(WordsError) as refused:
        check_name(name, longest=64)
    assert refused.value.reason == reason


def test_the_tenants_own_verified_domain_may_stand_in_a_name() -> None:
    """M03: but no other, and not with a scheme."""
    own = frozenset({"contoso.example"})
    assert check_name("Contoso.example", longest=64, own_domains=own) == "Contoso.example"
    for other in ("fabrikam.example", "https://contoso.example", "contoso.example.evil.org"):
        with pytest.raises(WordsError):
            check_name(other, longest=64, own_domains=own)


@given(st.text(max_size=10), st.characters(categories=["Cc"]), st.text(max_size=10))
def test_no_control_character_passes_in_a_name(before: str, control: str, after: str) -> None:
    """M01: over all C0 and C1 characters, wherever they stand."""
    with pytest.raises(WordsError):
        check_name(f"a{before}{control}{after}z", longest=64)


@given(st.text(max_size=10), st.characters(categories=["Cc"], exclude_characters="\n\r\t"))
def test_no_control_character_passes_in_a_message(text: str, control: str) -> None:
    """M01: where line breaks are fine, everything else is not."""
    with pytest.raises(WordsError):
        check_message(f"a{control}z{text}", longest=500, links_allowed=True)


def test_a_message_keeps_its_lines() -> None:
    assert check_message("One\r\ntwo\n\nthree ", longest=500, links_allowed=False) == (
        "One\ntwo\n\nthree"
    )


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("See https://evil.example/x", WordsError.LINK),
        ("See evil.example", WordsError.LINK),
        ("Call +31 20 123 4567 now", WordsError.TELEPHONE),
        ("Call (020) 123-45-67", WordsError.TELEPHONE),
        ("x" * 501, WordsError.LONG),
    ],
)
def test_messages_carry_no_links_and_numbers_unless_allowed(message: str, reason: str) -> None:
    """M03, and the scam of “call this number”."""
    with pytest.raises(WordsError) as refused:
        check_message(message, longest=500, links_allowed=False)
    assert refused.value.reason == reason


def test_dates_and_amounts_are_no_telephone_numbers() -> None:
    for message in ("On 2026-11-23 at 17:00", "EUR 12,500.00", "Room 4.12, floor 3"):
        assert check_message(message, longest=500, links_allowed=False) == message


def test_scripts_that_look_alike_are_noticed() -> None:
    """M04: Latin with Cyrillic or Greek is shown with a warning, whole scripts are not."""
    assert mixes_lookalikes("Соntoso")
    assert mixes_lookalikes("Αlpha")
    assert not mixes_lookalikes("Москва")
    assert not mixes_lookalikes("株式会社 ABC")


def test_a_masked_address_tells_its_owner_and_nobody_else() -> None:
    assert masked_address("catering@fabrikam.example") == "c•••••••@fabrikam.example"
