"""The service's routes: catalogue, surfaces, bootstrap, stream, page."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from spymaster.errors import UserError
from spymaster.hud.catalogue import SURFACES, Catalogue, CatalogueReader
from spymaster.hud.day import PROTOCOL
from spymaster.hud.day_cache import DayCache
from spymaster.hud.limits import Limits
from spymaster.hud.playback import Playback
from spymaster.hud.queries import MAX_LIMIT, Query
from spymaster.hud.refusal import RefusalError
from spymaster.hud.security import Access, Guard, refusal_response
from spymaster.hud.session import Session
from spymaster.hud.surfaces import off_loop, surface_columns, surface_stream, window_column
from spymaster.lake import Lake, is_partition_complete, partition_ref

ARROW: Final = "application/vnd.apache.arrow.stream"
VERSION_HEADER: Final = "spymaster-day-version"
PAGE_FOLDER: Final = Path(__file__).parent / "page"
_PAGE_TYPES: Final = (".html", ".js", ".css", ".svg", ".png", ".ico", ".woff2", ".txt")


class HudService:
    """What the routes share: the lake's catalogue, the days in memory, the clients."""

    def __init__(self, lake: Lake, max_ticks: int, limits: Limits) -> None:
        self.lake, self.limits = lake, limits
        self.catalogue_reader = CatalogueReader(lake)
        self.days = DayCache(lake, max_ticks, limits.days, limits.open_days)
        self.readers = ThreadPoolExecutor(2, thread_name_prefix="hud-read")
        self.open_readers = 0
        self.clients = 0
        self.page = _page_files(PAGE_FOLDER)

    async def catalogue(self) -> Catalogue:
        """Return the lake's catalogue."""
        fresh = self.catalogue_reader.fresh()
        if fresh is not None:
            return fresh
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.readers, self.catalogue_reader.read)

    async def healthz(self, request: Request) -> Response:
        """Say that the service answers."""
        return JSONResponse({"status": "ok", "protocol": PROTOCOL})

    async def catalog(self, request: Request) -> Response:
        """Give the catalogue."""
        Query.of(request.query_params, ())
        return JSONResponse((await self.catalogue()).as_json())

    async def surfaces(self, request: Request) -> Response:
        """Give rows of a table."""
        query = Query.of(
            request.query_params,
            ("symbol", "dt", "start_ts_ns", "end_ts_ns", "columns", "limit"),
        )
        table = request.path_params["table"]
        if table not in SURFACES:
            raise RefusalError(404, f"no table {table[:40]!r}: there are {', '.join(SURFACES)}")
        key = SURFACES[table]
        symbol, dt = query.day(await self.catalogue())
        ref = partition_ref(self.lake, key, symbol, dt)
        columns = surface_columns(key, query.values.get("columns"))
        start_ns, end_ns = query.ts_ns("start_ts_ns"), query.ts_ns("end_ts_ns")
        if (start_ns, end_ns) != (None, None) and window_column(key) is None:
            raise RefusalError(400, f"{table} has no windows: leave start_ts_ns and end_ts_ns out")
        limit = query.count("limit", MAX_LIMIT, MAX_LIMIT)
        if not is_partition_complete(ref):
            raise RefusalError(404, f"{table} of {symbol} {dt} is not in the lake")
        return await self._rows(surface_stream(ref, columns, start_ns, end_ns, limit), {})

    async def bootstrap(self, request: Request) -> Response:
        """Give the last HUD columns before an instant."""
        query = Query.of(
            request.query_params,
            ("symbol", "dt", "end_ts_ns", "windows", "ticks", "columns", "version"),
        )
        symbol, dt = query.day(await self.catalogue())
        windows, columns = query.windows(), query.columns()
        end_ns, version = query.ts_ns("end_ts_ns"), query.version()
        views = await self.days.get(symbol, dt, version)
        day = views.day
        stop = day.windows if end_ns is None else day.first_after(end_ns)
        view = views.get(query.ticks(day.reach), columns)
        pieces = view.stream(max(0, stop - windows), stop)
        return await self._rows(pieces, {VERSION_HEADER: day.version})

    async def stream(self, socket: WebSocket) -> None:
        """Play a day to a client."""
        self.clients += 1
        try:
            session = await self._session(socket)
            await socket.accept()
            await session.run()
        except RefusalError as refusal:
            await socket.send_denial_response(refusal_response(refusal))
        finally:
            self.clients -= 1

    async def _session(self, socket: WebSocket) -> Session:
        if self.clients > self.limits.clients:
            raise RefusalError(503, "too many clients; try later")
        query = Query.of(
            socket.query_params,
            ("symbol", "dt", "start_ts_ns", "speed", "playing", "ticks", "columns", "version"),
        )
        symbol, dt = query.day(await self.catalogue())
        columns, speed, playing = query.columns(), query.speed(), query.playing()
        start_ns, version = query.ts_ns("start_ts_ns", 0) or 0, query.version()
        views = await self.days.get(symbol, dt, version)
        view = views.get(query.ticks(views.day.reach), columns)
        playback = Playback(
            views.day.ends_ns, view.max_rows, view.max_paced_rows, start_ts_ns=start_ns,
            speed=speed, playing=playing, now=asyncio.get_running_loop().time(),
        )  # fmt: skip
        return Session(socket, views, view, playback, self.limits)

    async def _rows(self, pieces: Iterator[bytes], headers: dict[str, str]) -> Response:
        """Return the answer that writes `pieces`; its first piece is read before its status is told."""
        if self.open_readers >= self.limits.readers:
            raise RefusalError(503, "too many answers are being read; try later")
        self.open_readers += 1
        stream = self._counted(off_loop(pieces, self.readers))
        try:
            first = await anext(stream)
        except UserError as error:
            raise RefusalError(503, str(error)) from None

        async def whole() -> AsyncIterator[bytes]:
            yield first
            async for piece in stream:
                yield piece

        return StreamingResponse(whole(), media_type=ARROW, headers=headers)

    async def _counted(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for piece in stream:
                yield piece
        finally:
            self.open_readers -= 1

    async def page_file(self, request: Request) -> Response:
        """Give the page or one of its files, by a list made at the start."""
        name = request.path_params.get("name") or "index.html"
        if name not in self.page:
            raise RefusalError(404, f"there is no {request.url.path[:40]!r} here")
        body, media_type = self.page[name]
        return Response(body, media_type=media_type, headers={"cache-control": "no-cache"})


def hud_app(lake: Lake, access: Access, max_ticks: int, limits: Limits) -> Starlette:
    """Return the service as an ASGI application."""
    service = HudService(lake, max_ticks, limits)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        service.days.close()
        service.readers.shutdown(cancel_futures=True)

    routes = [
        Route("/healthz", service.healthz),
        Route("/v1/catalog", service.catalog),
        Route("/v1/surfaces/{table}", service.surfaces),
        Route("/v1/hud/bootstrap", service.bootstrap),
        WebSocketRoute("/v1/hud/stream", service.stream),
        Route("/", service.page_file),
        Route("/{name:path}", service.page_file),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, access=access, limits=limits)],
        exception_handlers={RefusalError: _refused, HTTPException: _http_error},
        lifespan=lifespan,
    )
    app.state.service = service
    return app


async def _refused(request: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, RefusalError)
    return refusal_response(error)


async def _http_error(request: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refusal_response(RefusalError(error.status_code, error.detail))


def _page_files(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Return the page's files by their path below the folder, with their media types."""
    files: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in _PAGE_TYPES:
            media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            files[path.relative_to(folder).as_posix()] = path.read_bytes(), media_type
    return files
