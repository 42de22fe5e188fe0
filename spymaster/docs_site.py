"""The documentation as one HTML file: dbt's static site, with every column, rule and the lineage."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from spymaster.dbt_code import dbt_project_dir
from spymaster.dbt_invoke import invoke_dbt
from spymaster.errors import UserError
from spymaster.whole_file import whole_file

LOOPBACK = "127.0.0.1"

_ICON = re.compile(r'<link rel="shortcut icon"[^>]*>')
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'unsafe-inline' 'unsafe-eval' data: blob:\"/>"
)
"""Has the browser itself refuse whatever is not in the page, tracker or not; Angular needs eval."""


def build_docs(out: Path) -> int:
    """Write the site to the file `out` and return its bytes; it needs no network and no other file.

    Types come from the models' YAML, not from data, so it can be made without a lake. Raises UserError
    if dbt fails or the file cannot be written.
    """
    project = str(dbt_project_dir())
    # When a model does not compile, dbt's threads may still be writing into the folder that we remove.
    with tempfile.TemporaryDirectory(
        prefix="spymaster-docs-", ignore_cleanup_errors=True
    ) as scratch:
        outcome = invoke_dbt(
            [
                "docs", "generate", "--static",
                "--project-dir", project, "--profiles-dir", project,
                "--target-path", f"{scratch}/target", "--log-path", f"{scratch}/logs",
                "--log-level", "none", "--no-partial-parse",
            ]
        )  # fmt: skip
        if not outcome.success:
            raise UserError(f"dbt docs failed: {_cause(outcome)}")
        page = standalone(Path(scratch, "target", "static_index.html").read_text()).encode()
    with whole_file(out) as part:
        out.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(page)
    return len(page)


def _cause(outcome: Any) -> str:
    """The first thing that dbt complains of, in one line; its results as a whole are half a megabyte."""
    results = getattr(outcome.result, "_compile_results", None) or []
    told = [outcome.exception, *(getattr(outcome.result, "errors", None) or [])]
    told += [f"{result.node.name}: {result.message}" for result in results if result.message]
    return " ".join(str(next((text for text in told if text), "no reason given")).split())


def standalone(page: str) -> str:
    """Return dbt's page without what it asks of others: its icon, templates not filled in, trackers.

    >>> standalone('<head><link rel="shortcut icon" href="x.ico"/></head>').count("x.ico")
    0
    """
    # The browser would fetch such an address before Angular has filled it in; what Angular sets later
    # has no namespace, so it must be SVG 2's plain href.
    page = page.replace('xlink:href="{{', 'ng-attr-href="{{')
    page = _ICON.sub('<link rel="icon" href="data:,"/>', page, count=1)
    return page.replace("<head>", f"<head>{_POLICY}", 1)


class _OnePage(BaseHTTPRequestHandler):
    """Answers `/` with the page and everything else with 404: no path of a request is ever opened."""

    def __init__(self, page: bytes, *args: Any) -> None:
        self._page = page
        super().__init__(*args)

    def do_GET(self) -> None:
        """Send the page."""
        if self.path.split("?")[0].split("#")[0] not in ("/", "/index.html"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self._page)))
        self.end_headers()
        self.wfile.write(self._page)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal is the user's."""


def serve_page(page: Path, port: int, tell_url: Callable[[str], None]) -> None:
    """Serve one HTML file on loopback until interrupted; port 0 takes a free one.

    `tell_url` is called with the address once it answers. UserError if the port is taken.
    """
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), partial(_OnePage, page.read_bytes()))
    except OSError as error:
        raise UserError(
            f"cannot serve on {LOOPBACK}:{port}: {error.strerror}; choose another --port"
        ) from error
    with server:
        tell_url(f"http://{LOOPBACK}:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
