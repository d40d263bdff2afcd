"""Headers, hosts, paths: what every answer of the whole site keeps."""

import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError
from django.db.models.functions import Now
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tenants import schema
from tenants.logs import OneLineFormatter, SecretsFilter
from tenants.models import Account, MailState, OutgoingMail, Tenant
from tenants.services import resume_tenant, suspend_tenant
from tests.browserless import open_link, ticket_path
from tests.conftest import Invite, Place

At = Callable[..., Place]


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every path of a URLconf with stand-ins for its arguments, and its view."""
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, path)
        elif isinstance(pattern, URLPattern):
            plain = re.sub(r"<uuid:\w+>", "6f2f9b1e-0000-4000-8000-000000000000", path)
            plain = re.sub(r"<int:\w+>", "1", plain)
            plain = re.sub(r"<(?:slug|str):\w+>", "x", plain)
            yield re.sub(r"\(\?P<\w+>.*?\)|[\^$\\]", "x", plain), pattern.callback


PUBLIC = [f"/{path}" for path, _ in patterns(get_resolver("config.urls_public"))]
TENANT = [f"/o/contoso/{path}" for path, _ in patterns(get_resolver("config.urls_tenant"))]
STATIC = ["/static/foyer/tokens.css", "/static/foyer/icons.svg"]
MISSING = ["/nothing", "/o/contoso/nothing", "/o/nobody/", "/static/nothing.css"]
EVERY = PUBLIC + TENANT + STATIC + MISSING


def check_headers(answer: Any) -> None:
    policy = answer["Content-Security-Policy"]
    for part in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert part in policy
    assert "unsafe-eval" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["Referrer-Policy"] in {"same-origin", "no-referrer"}
    assert "Server" not in answer
    assert "X-Powered-By" not in answer


@pytest.mark.parametrize("path", EVERY)
def test_every_answer_carries_the_headers(at: At, alice: Account, path: str) -> None:
    """C03, C08: pages, errors and static files, for strangers and for who is signed in."""
    for somebody in (None, alice):
        for method in ("get", "post"):
            answer = getattr(at(somebody).client, method)(path)
            assert answer.status_code < 500, path
            check_headers(answer)
            if answer.streaming:
                b"".join(answer.streaming_content)


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError("gone"), 503), (ZeroDivisionError(), 500)]
)
def test_error_pages_carry_the_headers_and_tell_nothing(
    at: At, error: Exception, status: int
) -> None:
    """C08, F09 in small: 503 with Retry-After while the database is away, else 500."""
    with patch("tenants.views.home.render", side_effect=error):
        answer = at().client.get("/about/")
    assert answer.status_code == status
    assert ("Retry-After" in answer) == (status == 503)
    check_headers(answer)
    assert "Traceback" not in answer.content.decode()
    assert "gone" not in answer.content.decode()


def test_https_brings_hsts_for_more_than_a_year(client: Client, settings: Any) -> None:
    """C08."""
    settings.SECURE_HSTS_SECONDS = 2 * 365 * 24 * 3600
    answer = client.get("/about/", secure=True)
    found = re.match(r"max-age=(\d+)", answer["Strict-Transport-Security"])
    assert found
    assert int(found[1]) >= 365 * 24 * 3600


POSTS = [
    path
    for path, view in [
        *((f"/{path}", view) for path, view in patterns(get_resolver("config.urls_public"))),
        *(
            (f"/o/contoso/{path}", view)
            for path, view in patterns(get_resolver("config.urls_tenant"))
        ),
    ]
]


# RFC 8058: a mail program has no cookie that another site could misuse; the sealed ticket counts.
# The provider's endpoints read no cookie either: apps bring a secret or a token. A post to
# `authorize`, or an app's wish to sign out, does nothing but lead to the same question as a GET.
WITHOUT_COOKIES = {
    "/o/contoso/unwanted/x",
    "/o/contoso/oauth2/v2.0/authorize",
    "/o/contoso/oauth2/v2.0/token",
    "/o/contoso/oauth2/v2.0/revoke",
    "/o/contoso/oauth2/v2.0/introspect",
    "/o/contoso/oauth2/v2.0/logout",
    "/o/contoso/oidc/userinfo",
}


@pytest.mark.parametrize("path", [path for path in POSTS if path not in WITHOUT_COOKIES])
def test_a_post_of_another_site_is_refused(alice: Account, contoso: Tenant, path: str) -> None:
    """C02: without a token, and with a foreign Origin, on every route that takes posts."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.post(path, {"answer": "accept"})
    refused = {403, 405, 404}
    assert answer.status_code in refused, path
    client.get("/about/")
    token = client.cookies[django_settings.CSRF_COOKIE_NAME].value
    headers = {"Origin": "https://evil.example", "X-CSRFToken": token}
    assert client.post(path, {"answer": "accept"}, headers=headers).status_code in refused, path


def test_the_accept_button_needs_its_token(
    invite: Invite, at: At, gita: Account, contoso: Tenant
) -> None:
    """C02 for agree, the one that matters most."""
    guest = at(gita)
    review = guest.client.post(open_link(invite(), guest))["Location"]
    guest.client.handler.enforce_csrf_checks = True
    data = {"answer": "accept", "statement": "0"}
    assert guest.client.post(review, data).status_code == 403


# --- hosts and paths ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "www.testserver",
        "testserver.evil.example",
        "127.0.0.1",
        "[::1]",
        "testserver@evil.example",
        "testserver evil",
        "testserver:80@evil.example",
        "",
        "-",
        "testserver:99999x",
        "xn--testserver",
        "тestserver",
    ],
)
def test_only_the_one_host_is_answered(client: Client, contoso: Tenant, host: str) -> None:
    """N07: 400 for any other Host, without building anything from it."""
    for path in ("/about/", "/o/contoso/privacy/"):
        answer = client.get(path, HTTP_HOST=host)
        assert answer.status_code == 400
        assert "evil" not in answer.content.decode()


@pytest.mark.parametrize("host", ["testserver", "TESTSERVER", "testserver.", "testserver:8000"])
def test_spellings_of_the_one_host_are_the_host(client: Client, db: None, host: str) -> None:
    """N07: upper case, a final dot, a port."""
    assert client.get("/about/", HTTP_HOST=host).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/o/CONTOSO/privacy/",
        "/o/Contoso/privacy/",
        "/o/contoso./privacy/",
        "/o/contoso%2e/privacy/",
        "/o/contoso%00/privacy/",
        "/o//contoso/privacy/",
        "/o/contoso//privacy/",
        "//o/contoso/privacy/",
        "/o/./contoso/privacy/",
        "/o/cont%6fso%20/privacy/",
        "/o/public/privacy/",
        "/o/pg_catalog/privacy/",
        "/o/information_schema/privacy/",
        "/o/contoso;x=1/privacy/",
        "/o/contoso%27/privacy/",
        "/o/%22contoso%22/privacy/",
        "/o/con\u0442oso/privacy/",
        "/o/" + "a" * 41 + "/privacy/",
        "/o/-/privacy/",
        "/o/../o/contoso/privacy/x",
        "/o/",
        "/O/contoso/privacy/",
    ],
)
def test_odd_spellings_of_a_path_are_not_found(client: Client, contoso: Tenant, path: str) -> None:
    """N07, N09: 404, or a redirect to the plain spelling; never another tenant's page."""
    answer = client.get(path)
    assert answer.status_code in {301, 404}
    assert schema.current_schema() == "public"


def test_a_tenants_root_without_its_slash_is_redirected(client: Client, contoso: Tenant) -> None:
    answer = client.get("/o/contoso")
    assert (answer.status_code, answer["Location"]) == (301, "/o/contoso/")


def test_unknown_and_suspended_tenants_are_the_same_404(
    client: Client,
    contoso: Tenant,
    fabrikam: Tenant,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    """N07, N10 in small: at once, in every process; next door goes on."""
    assert client.get("/o/contoso/privacy/").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        suspend_tenant(contoso)
    suspended, unknown = (client.get(f"/o/{slug}/privacy/") for slug in ("contoso", "nobody"))
    assert suspended.status_code == unknown.status_code == 404
    assert suspended.content == unknown.content
    assert client.get("/o/fabrikam/privacy/").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        resume_tenant(contoso)
    assert client.get("/o/contoso/privacy/").status_code == 200


def test_an_organization_that_is_not_there_is_not_there_in_dutch(client: Client, db: None) -> None:
    answer = client.get("/o/nobody/privacy/", headers={"accept-language": "nl"})
    assert answer.status_code == 404
    assert "Deze pagina bestaat niet" in answer.content.decode()


def test_a_person_of_one_tenant_is_nobody_in_the_other(
    at: At, invite: Invite, alice: Account, contoso: Tenant, fabrikam: Tenant
) -> None:
    """N02: the same account and browser, no role, no notice, no redemption crosses."""
    invite(tenant=fabrikam)
    here = at(alice)
    there = Place(fabrikam, here.client)
    data = {
        "email": "x@tailspin.example",
        "language": "en",
        "validity": "604800",
        "send_mail": "on",
    }
    here.post("invitations:invite", data)  # leaves a notice for Contoso's list
    assert there.get("invitations:guests").status_code == 404
    assert "is invited" not in there.get("consent:statement").content.decode()
    assert "is invited" in here.get("invitations:guests").content.decode()
    landing = open_link(invite(email="y@tailspin.example"), here)
    swapped = landing.replace("/contoso/", "/fabrikam/")
    assert there.client.get(swapped).status_code == 410


def test_links_are_built_from_the_configured_origin(at: At, invite: Invite, alice: Account) -> None:
    """N08: whatever the request says about itself."""
    invitation = invite()
    admin = at(alice)
    page = admin.client.post(
        admin.path("invitations:link", entry_id=invitation.entry_id),
        HTTP_X_FORWARDED_HOST="evil.example",
        HTTP_X_FORWARDED_PROTO="gopher",
        HTTP_FORWARDED="host=evil.example",
    )
    assert f"https://testserver{ticket_path(invitation, admin)}" in page.content.decode()
    assert "evil" not in page.content.decode()


# --- logs ------------------------------------------------------------------------------------------------


def test_a_log_line_is_one_line_without_a_ticket() -> None:
    """T04, I08: tickets are cut out, line breaks are escaped."""
    record = logging.LogRecord(
        "x", logging.INFO, "", 0, "GET %s", ("/o/contoso/redeem/SECRET\r\nforged line",), None
    )
    SecretsFilter().filter(record)
    line = OneLineFormatter().format(record)
    assert "SECRET" not in line
    assert "/o/contoso/redeem/…" in line
    assert "\n" not in line


def test_health_pages_say_what_is_well_without_versions(client: Client, db: None) -> None:
    """S06 in small."""
    assert client.get("/health/live").status_code == 200
    ready = client.get("/health/ready")
    assert ready.content.decode().splitlines() == [
        "database: ready",
        "cache: ready",
        "mail: ready",
        "oldest unsent mail: 0 s",
    ]


def test_readiness_turns_red_when_mail_has_waited_five_minutes(
    client: Client, invite: Invite
) -> None:
    """F12: with the scheduler stopped, whoever watches sees it; the pages go on."""
    invite()
    for seconds, status, said in ((280, 200, "mail: ready"), (301, 503, "mail: late")):
        OutgoingMail.objects.update(due_at=Now() - timedelta(seconds=seconds))
        ready = client.get("/health/ready")
        assert ready.status_code == status
        mail, oldest = ready.content.decode().splitlines()[2:]
        assert mail == said
        assert int(oldest.removeprefix("oldest unsent mail: ").removesuffix(" s")) >= seconds
    assert client.get("/health/live").status_code == 200
    for state in (MailState.ACCEPTED, MailState.HELD, MailState.CANCELLED):
        OutgoingMail.objects.update(state=state)
        assert client.get("/health/ready").status_code == 200


def test_local_pages_exist_in_the_local_mode_only(client: Client, db: None) -> None:
    for path in ("/mailbox/", "/mailbox/x/", "/mailbox/x/html", "/mailbox/x/raw", "/sign-in/x"):
        assert client.get(path).status_code == 404
