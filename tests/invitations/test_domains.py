"""Which domains a tenant invites."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invitations.domains import DomainRule, clean_domain, is_allowed, parse_domains
from invitations.errors import DomainRuleError

LABEL = st.from_regex(r"[a-z]([a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=2, max_size=4).map(".".join)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("northwind.example", "northwind.example"),
        (" Northwind.Example ", "northwind.example"),
        ("@northwind.example", "northwind.example"),
        ("*.northwind.example", "*.northwind.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("a-b.northwind.example", "a-b.northwind.example"),
    ],
)
def test_a_domain_has_one_form(typed: str, kept: str) -> None:
    assert clean_domain(typed) == kept
    assert clean_domain(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "*",
        "*.",
        "*.*.example",
        "north*wind.example",
        "example",
        "north wind.example",
        "gita@northwind.example",
        "https://northwind.example",
        "northwind.example/",
        "northwind.example:443",
        ".northwind.example",
        "northwind..example",
        "-north.example",
        "north-.example",
        "a_b.example",
        "north\u0000wind.example",
        f"{'x' * 64}.example",
        ".".join(["x" * 60] * 5),
    ],
)
def test_what_is_no_domain_is_named(typed: str) -> None:
    with pytest.raises(DomainRuleError) as caught:
        clean_domain(typed)
    assert str(caught.value) == typed.strip()


def test_a_list_is_sorted_and_each_domain_stands_once() -> None:
    assert parse_domains("b.example\n\nA.example  b.example\r\n*.a.example\n") == [
        "*.a.example",
        "a.example",
        "b.example",
    ]
    assert parse_domains(" \n") == []
    with pytest.raises(DomainRuleError, match="bad"):
        parse_domains("a.example\nbad\n*")


@pytest.mark.parametrize(
    ("listed", "address", "is_on_it"),
    [
        ("northwind.example", "g@northwind.example", True),
        ("northwind.example", "g@sub.northwind.example", False),
        ("northwind.example", "g@evilnorthwind.example", False),
        ("northwind.example", "northwind.example@evil.example", False),
        ("*.northwind.example", "g@northwind.example", False),
        ("*.northwind.example", "g@sub.northwind.example", True),
        ("*.northwind.example", "g@a.b.northwind.example", True),
        ("*.northwind.example", "g@evilnorthwind.example", False),
        ("xn--bcher-kva.example", "g@xn--bcher-kva.example", True),
    ],
)
def test_a_domain_is_that_one_and_a_star_all_below(
    listed: str, address: str, is_on_it: bool
) -> None:
    assert is_allowed(address, rule=DomainRule.ALLOW, domains=[listed]) is is_on_it
    assert is_allowed(address, rule=DomainRule.DENY, domains=[listed]) is not is_on_it
    assert is_allowed(address, rule=DomainRule.ANY, domains=[listed])


@given(st.lists(DOMAIN, max_size=4), DOMAIN, st.booleans())
def test_an_allow_list_is_a_deny_list_turned_round(
    domains: list[str], domain: str, below: bool
) -> None:
    listed = [f"*.{each}" if below else each for each in domains]
    address = f"someone@{domain}"
    allowed = is_allowed(address, rule=DomainRule.ALLOW, domains=listed)
    assert allowed != is_allowed(address, rule=DomainRule.DENY, domains=listed)
    plain = domain in domains
    under = any(domain.endswith(f".{each}") for each in domains)
    assert allowed == (under if below else plain)
