"""*Project room*, the sample app of `make demo`: it signs people in through Foyer, as any app does.

A Django of its own in a process of its own. All it shares with Foyer is the file that the
demonstration writes for it, in place of what an administrator would copy from the portal.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import MismatchingStateError
from authlib.integrations.django_client import OAuth, OAuthError
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.static import serve
from joserfc.errors import JoseError

from config.embedded import CHECKOUT, data_folder

PAGES = CHECKOUT / "templates" / "project_room"
DESIGN = CHECKOUT / "tenants" / "static" / "foyer"
SECONDS = 10
STATE = "_state_"
MOST_STATES = 3
FAILURES = (AuthlibBaseError, JoseError, requests.RequestException)
log = logging.getLogger("project_room")


@dataclass(frozen=True)
class Room:
    """The room of one organization, and how its people sign in."""

    slug: str
    organization: str
    issuer: str
    client_id: str
    sign_in: Any

    @property
    def home(self) -> str:
        return f"{ORIGIN}/{self.slug}/"


def room_from(told: dict[str, str]) -> Room:
    """A row of the file; its client learns from Foyer where everything is (Discovery)."""
    sign_in = OAuth().register(
        told["slug"],
        client_id=told["client_id"],
        client_secret=told["client_secret"],
        server_metadata_url=f"{told['issuer']}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "default_timeout": SECONDS,
        },
    )
    return Room(told["slug"], told["organization"], told["issuer"], told["client_id"], sign_in)


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def room_of(slug: str) -> Room:
    """The room at this path, else a 404."""
    if slug not in ROOMS:
        raise Http404
    return ROOMS[slug]


def start_sign_in(request: HttpRequest, room: Room) -> HttpResponse:
    """On to Foyer at once: whoever has the address of a room has its direct link."""
    begun = [(kept, name) for name, kept in request.session.items() if name.startswith(STATE)]
    begun.sort(key=lambda each: float(each[0]["exp"]))
    # The session is a cookie; sign-ins nobody came back from must not fill it.
    for _kept, name in begun[: 1 - MOST_STATES]:
        del request.session[name]
    answer: HttpResponse = room.sign_in.authorize_redirect(request, f"{room.home}callback")
    return answer


def claims_of(room: Room, held: Any) -> dict[str, Any] | None:
    """What Foyer says of the person now; None when it takes the token no more.

    Asked for every page, so that whoever leaves or is blocked is out at once. About another person
    than the one who signed in nothing is believed (OpenID Connect Core, 5.3.2).
    """
    if not held or "sub" not in held:
        return None
    try:
        claims = dict(room.sign_in.userinfo(token=held))
    except requests.HTTPError as error:
        if error.response is None or error.response.status_code != HTTPStatus.UNAUTHORIZED:
            raise
        return None
    if claims.get("sub") != held["sub"]:
        raise OAuthError("another_person")
    return claims


@require_safe
def rooms(request: HttpRequest) -> HttpResponse:
    return render(request, "rooms.html", {"rooms": ROOMS.values()})


@never_cache
@require_safe
def enter(request: HttpRequest, slug: str) -> HttpResponse:
    """A room, for who is signed in; everybody else is sent to Foyer without being asked."""
    room = room_of(slug)
    claims = claims_of(room, request.session.get(slug))
    if claims is None:
        return start_sign_in(request, room)
    return render(request, "room.html", {"room": room, "claims": claims})


@never_cache
@require_safe
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    """Back from Foyer with a code, or with an error."""
    room = room_of(slug)
    if request.GET.get("iss") != room.issuer:
        # Another provider's answer: our code must not go to it, nor its code to ours (RFC 9207).
        raise MismatchingStateError
    wanted = {"iss": {"essential": True, "value": room.issuer}, "aud": {"value": room.client_id}}
    given = room.sign_in.authorize_access_token(request, claims_options=wanted)
    if not given.get("userinfo"):
        raise OAuthError("no_id_token")
    held = {name: given[name] for name in ("access_token", "token_type")}
    request.session[slug] = held | {"sub": given["userinfo"]["sub"]}
    return redirect(room.home)


@require_POST
def sign_out(request: HttpRequest, slug: str) -> HttpResponse:
    """Out of this room, then at Foyer, which asks (OpenID Connect RP-Initiated Logout)."""
    room = room_of(slug)
    request.session.pop(slug, None)
    told = room.sign_in.create_logout_url(
        post_logout_redirect_uri=f"{room.home}goodbye", client_id=room.client_id
    )
    return HttpResponseRedirect(told["url"])


@require_safe
def goodbye(request: HttpRequest, slug: str) -> HttpResponse:
    return render(request, "goodbye.html", {"room": room_of(slug)})


class Problems:
    """Turns what went wrong between the app and Foyer into a page that says so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, FAILURES) or request.resolver_match is None:
            return None
        code = str(getattr(error, "error", "")) or type(error).__name__
        log.warning("signing in failed: %r", code)
        status = {
            "access_denied": HTTPStatus.FORBIDDEN,
            MismatchingStateError.error: HTTPStatus.BAD_REQUEST,
        }.get(code, HTTPStatus.BAD_GATEWAY)
        room = room_of(request.resolver_match.kwargs["slug"])
        return render(request, "problem.html", {"room": room, "code": code}, status=status)


TOLD = json.loads((data_folder() / "project-room.json").read_text())
ORIGIN: str = TOLD["origin"]

settings.configure(
    # Of this process: who comes back after a new start passes through Foyer without a page.
    SECRET_KEY=token_urlsafe(48),
    ALLOWED_HOSTS=[urlsplit(ORIGIN).hostname],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "csp.middleware.CSPMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        f"{__name__}.Problems",
    ],
    TEMPLATES=[
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [PAGES]},
    ],
    CONTENT_SECURITY_POLICY={
        "DIRECTIVES": {
            "default-src": ["'none'"],
            "style-src": ["'self'"],
            "img-src": ["'self'"],
            # Signing out is a form here that ends at Foyer.
            "form-action": [
                "'self'",
                *sorted({origin_of(told["issuer"]) for told in TOLD["rooms"]}),
            ],
            "frame-ancestors": ["'none'"],
            "base-uri": ["'none'"],
        }
    },
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    # Cookies know no ports: Foyer's, at the same host, have other names.
    SESSION_COOKIE_NAME="project-room-session",
    CSRF_COOKIE_NAME="project-room-csrf",
    CSRF_COOKIE_HTTPONLY=True,
    LOGGING_CONFIG=None,
    USE_I18N=False,
)


def asset(name: str, folder: Path) -> Any:
    return path(name, serve, {"path": name, "document_root": folder})


urlpatterns = [
    asset("tokens.css", DESIGN),
    asset("favicon.svg", DESIGN),
    asset("room.css", PAGES),
    path("", rooms, name="rooms"),
    path("<slug:slug>/", enter, name="enter"),
    path("<slug:slug>/callback", callback, name="callback"),
    path("<slug:slug>/sign-out", sign_out, name="sign_out"),
    path("<slug:slug>/goodbye", goodbye, name="goodbye"),
]

ROOMS = {told["slug"]: room_from(told) for told in TOLD["rooms"]}
application = get_wsgi_application()
