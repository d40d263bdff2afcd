import pytest

from tenants.slugs import SlugError, check_slug


@pytest.mark.parametrize("slug", ["contoso", "a", "contoso-2", "x" * 40, "north-wind-traders"])
def test_plain_slugs_pass(slug: str) -> None:
    assert check_slug(slug) == slug


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "public",
        "pg-catalog",
        "pg_catalog",
        "pg_x",
        "information-schema",
        "Contoso",
        "1contoso",
        "-contoso",
        "contoso-",
        "con--toso",
        "con_toso",
        "con.toso",
        "con/toso",
        "con toso",
        'con"toso',
        "con'toso",
        "con;toso",
        "con\\toso",
        "con\ntoso",
        "contoso\n",
        "con\0toso",
        "cöntoso",
        "контосо",
        "x" * 41,
        "x" * 64,
        "admin",
        "static",
        "xn--bcher-kva",
        "contoso\u200b",
        "．．",
    ],
)
def test_odd_slugs_are_refused(slug: str) -> None:
    """N09: before any DDL."""
    with pytest.raises(SlugError):
        check_slug(slug)
