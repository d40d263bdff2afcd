import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.addresses import AddressError, canonical_address, unicode_address


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("gita@northwind.example", "gita@northwind.example"),
        ("  Gita@NorthWind.Example\t", "gita@northwind.example"),
        ("gita+rooms@northwind.example", "gita+rooms@northwind.example"),
        ("g@bücher.example", "g@xn--bcher-kva.example"),
        ("g@BÜCHER.example", "g@xn--bcher-kva.example"),
        ("g@bu\u0308cher.example", "g@xn--bcher-kva.example"),
        ("g@почта.example", "g@xn--80a1acny.example"),
        ("o'neil@northwind.example", "o'neil@northwind.example"),
    ],
)
def test_addresses_that_differ_only_in_form_are_one(typed: str, kept: str) -> None:
    """M06: trimmed, NFC, xn-- in lower case, ASCII local part in lower case; plus-tags differ."""
    assert canonical_address(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "gita",
        "gita@",
        "@northwind.example",
        "gita@localhost",
        "gita@northwind..example",
        ".gita@northwind.example",
        "gita@northwind.example, sam@tailspin.example",
        "gita@northwind.example;sam@tailspin.example",
        "Gita <gita@northwind.example>",
        "<gita@northwind.example>",
        '"gita"@northwind.example',
        '"a b"@northwind.example',
        "gita@[192.0.2.1]",
        "gita@[IPv6:::1]",
        "gita@northwind.example\u200b",
        "gita@northwind.example\u202e",
        "gita@northwind.example\nbcc: sam@tailspin.example",
        "gita@northwind.example\r\n",
        "gita\0@northwind.example",
        "gita@@northwind.example",
        "gita @northwind.example",
        "gita(comment)@northwind.example",
        "\u212aita@northwind.example",
        "g\u0131ta@northwind.example",
        "straße@northwind.example",
        "a" * 65 + "@northwind.example",
        "a@" + "b" * 250 + ".example",
    ],
)
def test_an_ambiguous_address_is_refused(typed: str) -> None:
    """M07, M06: exactly one plain address; Kelvin sign, dotless i and ß are not ASCII letters."""
    with pytest.raises(AddressError):
        canonical_address(typed)


LOCAL = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9+_-]{0,20}", fullmatch=True)
DOMAIN = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,10}\.(example|Example|org)", fullmatch=True)


@given(LOCAL, DOMAIN)
def test_canonical_is_canonical(local: str, domain: str) -> None:
    """M06: canonical(canonical(x)) = canonical(x)."""
    once = canonical_address(f" {local}@{domain} ")
    assert canonical_address(once) == once


@given(st.text(max_size=60))
def test_any_text_gives_an_address_or_a_refusal(text: str) -> None:
    """M07: never an error page, never two addresses."""
    try:
        found = canonical_address(text)
    except AddressError:
        return
    assert found.count("@") == 1
    assert found.isascii()
    assert found.isprintable()


def test_the_readable_form_of_an_international_domain() -> None:
    """M05: shown beside the xn-- form."""
    assert unicode_address("g@xn--80a1acny.example") == "g@почта.example"
    assert unicode_address("g@northwind.example") == "g@northwind.example"
