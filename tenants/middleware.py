"""Which tenant a request is for, and the headers every answer carries."""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import set_script_prefix

from tenants import schema
from tenants.registry import active_tenant

GetResponse = Callable[[HttpRequest], HttpResponse]

PATH = re.compile(r"/o/(?P<slug>[a-z0-9-]{1,40})(?P<rest>/.*)?", re.DOTALL)


class TenantMiddleware:
    """Take `/o/<slug>` off the path into SCRIPT_NAME and enter that tenant's schema.

    Ours instead of the library's subfolder middleware, which rebuilds the URLconf at every
    request. Unknown and suspended tenants give the same 404 as any path that is not there (N07).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        schema.leave()
        request.tenant = None  # type: ignore[attr-defined]
        if not request.path_info.startswith(schema.PREFIX):
            return self.get_response(request)
        match = PATH.fullmatch(request.path_info)
        tenant = active_tenant(match["slug"]) if match else None
        if match is None or tenant is None:
            raise Http404
        if match["rest"] is None:
            return HttpResponsePermanentRedirect(schema.path_of(tenant))
        prefix = schema.path_of(tenant)
        request.tenant = tenant  # type: ignore[attr-defined]
        request.urlconf = settings.TENANT_URLCONF
        request.path_info = match["rest"]
        request.META["SCRIPT_NAME"] = prefix.rstrip("/")
        set_script_prefix(prefix)
        schema.enter(tenant)
        try:
            return self.get_response(request)
        finally:
            schema.leave()
            set_script_prefix("/")


class HeadersMiddleware:
    """Headers that Django's own middleware does not know (C08, C10, T13)."""

    POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", self.POLICY)
        response.headers.setdefault("X-Robots-Tag", "noindex")
        # Static files bring a Cache-Control of their own; every page is somebody's.
        response.headers.setdefault("Cache-Control", "no-store")
        return response
