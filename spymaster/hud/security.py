"""Who may talk to the service: checked before any other code sees a request or a handshake.

A browser lets any page on the web send requests to 127.0.0.1. What protects a service there is the
name the browser was told (Host: another name is DNS rebinding) and the page that asks (Origin, which a
browser always sends with a WebSocket handshake). Who is no browser sends no Origin.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spymaster.errors import UserError
from spymaster.hud.limits import AddressBuckets, Limits
from spymaster.hud.refusal import RefusalError

LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
TOKEN_COOKIE: Final = "spymaster_token"
MIN_TOKEN: Final = 16
OPEN_PATHS: Final = ("/healthz",)
_METHODS: Final = ("GET", "HEAD")


@dataclass(frozen=True)
class Access:
    """Names the service answers to, with the port, and the token it asks for, if any."""

    hosts: frozenset[str]
    token: str | None

    @classmethod
    def of(cls, host: str, port: int, token: str | None, names: Iterable[str] = ()) -> Access:
        """Return the rules for an address; UserError if it needs a token and there is none.

        `names` are further host names that the service is reached by.
        """
        if token is not None and (len(token) < MIN_TOKEN or not token.isascii() or " " in token):
            raise UserError(
                f"the token must be at least {MIN_TOKEN} ASCII characters, without spaces"
            )
        if not is_loopback(host) and token is None:
            raise UserError(
                f"{host} can be reached from other machines: give --token (or SPYMASTER_TOKEN), "
                "or serve on 127.0.0.1"
            )
        own = f"[{host}]" if ":" in host else host
        known = {name.lower() for name in (*LOOPBACK_NAMES, own, *names)}
        with_port = {f"{name}:{port}" for name in known}
        return cls(frozenset(with_port | (known if port == 80 else set())), token)

    def check(self, scope: Scope) -> None:
        """Raise RefusalError unless the request may be answered."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            raise RefusalError(421, "this name is not served here; --allow-host adds one")
        self._check_origin(scope, headers, hosts[0].lower())
        if self.token and scope["path"] not in OPEN_PATHS and not self._has_token(scope, headers):
            raise RefusalError(
                401, "a token is needed: open /?token=…, or send Authorization: Bearer …"
            )

    def _check_origin(self, scope: Scope, headers: Headers, host: str) -> None:
        origins = headers.getlist("origin")
        own = (f"http://{host}", f"https://{host}")
        if len(origins) > 1 or any(origin.lower() not in own for origin in origins):
            raise RefusalError(403, "other origins may not use this service")
        site = headers.get("sec-fetch-site", "none")
        if scope["path"].startswith("/v1/") and site not in ("same-origin", "none"):
            raise RefusalError(403, "other sites may not use this service")

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        given = [bearer.strip()] if kind.lower() == "bearer" else []
        given += [_cookies(headers).get(TOKEN_COOKIE, ""), query_token(scope) or ""]
        return any(self.is_token(text) for text in given)

    def is_token(self, text: str) -> bool:
        """Return whether a text is the token, in a time that does not tell how much of it is."""
        wanted = self.token or ""
        return bool(wanted) and hmac.compare_digest(text.encode(), wanted.encode())


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("::1")
    (True, True, False, True)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def query_token(scope: Scope) -> str | None:
    """Return the query's token, if there is exactly one."""
    values = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
    return values[0] if len(values) == 1 else None


class Guard:
    """ASGI middleware: access, methods, rate; the headers that tell a browser to be strict."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self._app, self._access = app, access
        self._buckets = AddressBuckets(limits.requests_a_second, limits.request_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal at once, or pass the request on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "").lower()
        headers = _strict_headers(host if host in self._access.hosts else "")

        async def send_strictly(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                found = MutableHeaders(scope=message)
                for name, value in headers.items():
                    found.setdefault(name, value)
            await send(message)

        try:
            self._check(scope)
        except RefusalError as refusal:
            await refusal_response(refusal)(scope, receive, send_strictly)
            return
        if redirect := self._with_cookie(scope):
            await redirect(scope, receive, send_strictly)
            return
        await self._app(scope, receive, send_strictly)

    def _check(self, scope: Scope) -> None:
        if scope["type"] == "http" and scope["method"] not in _METHODS:
            raise RefusalError(405, "only GET")
        self._access.check(scope)
        if not self._buckets.take((scope.get("client") or ("", 0))[0]):
            raise RefusalError(429, "too many requests; wait a second")

    def _with_cookie(self, scope: Scope) -> Response | None:
        """Return the page's answer to /?token=…: the token moves to a cookie, out of the address bar."""
        token = query_token(scope)
        if scope["type"] != "http" or scope["path"] != "/" or not token:
            return None
        response = RedirectResponse("/", status_code=303)
        if self._access.is_token(token):
            response.set_cookie(TOKEN_COOKIE, token, httponly=True, samesite="strict")
        return response


def refusal_response(refusal: RefusalError) -> JSONResponse:
    """Return the answer that a refusal becomes; to a handshake it is the HTTP answer too."""
    headers = {"retry-after": "1"} if refusal.status in (429, 503) else None
    return JSONResponse({"error": refusal.reason}, refusal.status, headers)


def _cookies(headers: Headers) -> Mapping[str, str]:
    try:
        jar = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _strict_headers(host: str) -> dict[str, str]:
    # Browsers differ in whether 'self' covers ws:, so it is named.
    sockets = f" ws://{host} wss://{host}" if host else ""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"font-src 'self'; worker-src 'self'; connect-src 'self'{sockets}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
