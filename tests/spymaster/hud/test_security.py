"""Who may not use the service is turned away with a reason: never 500, never a crash."""

from __future__ import annotations

import http.client
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hud_clients import Api
from hud_lake import DT, SYMBOL
from websockets.exceptions import InvalidStatus

from spymaster.cli import cli
from spymaster.errors import UserError
from spymaster.hud.limits import AddressBuckets, Limits, TokenBucket
from spymaster.hud.security import Access
from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake

TOKEN = "correct-horse-battery"
PATHS = ("/", "/healthz", "/v1/catalog", "/v1/hud/bootstrap", "/v1/surfaces/wall_surface_1s")


@pytest.fixture(scope="module")
def closed(awkward_lake: Lake) -> Iterator[Api]:
    """A service that asks for a token."""
    with HudServer(awkward_lake, ServerOptions(port=0, token=TOKEN)).in_thread() as server:
        yield Api(server.port)


def status_of_stream(api: Api, headers: dict[str, str] | None = None, **query: object) -> int:
    """What a handshake is answered with; 101 if it is accepted."""
    try:
        with api.stream(headers=headers, **query):
            return 101
    except InvalidStatus as refused:
        assert json.loads(refused.response.body)["error"]
        return refused.response.status_code


@pytest.mark.parametrize("path", PATHS)
def test_a_name_that_is_not_ours_is_refused(api: Api, path: str):
    """DNS rebinding: a page's own name, pointed at 127.0.0.1, comes with its own Host."""
    port = api.port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "",
                 f"127.0.0.1:{port}.evil.example", "localhost", f"0.0.0.0:{port}"):  # fmt: skip
        answer = api.get(path, headers={"Host": host})
        assert (answer.status, bool(answer.error)) == (421, True), host


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_our_own_names_are_served(api: Api, name: str):
    assert api.get("/healthz", headers={"Host": f"{name}:{api.port}"}).status == 200


def test_no_host_or_two_are_refused(api: Api):
    twice = f"GET / HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1:{api.port}\r\n\r\n"
    for head in ("GET /v1/catalog HTTP/1.0\r\n\r\n", twice):
        assert raw(api, head.encode()).split(b" ")[1] in (b"400", b"421")


def test_handshakes_with_a_foreign_host_are_refused(api: Api):
    head = (
        "GET /v1/hud/stream HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b" 421 " in raw(api, head.encode()).split(b"\r\n")[0] + b" "


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://", "",
     "http://127.0.0.1.evil.example", "chrome-extension://abc"],
)  # fmt: skip
def test_other_origins_are_refused(api: Api, origin: str):
    for path in PATHS:
        assert api.get(path, headers={"Origin": origin}).status == 403, path
    assert status_of_stream(api, {"Origin": origin}) == 403


def test_our_own_origin_is_served(api: Api):
    own = {"Origin": f"http://127.0.0.1:{api.port}"}
    assert api.get("/v1/catalog", headers=own).status == 200
    assert status_of_stream(api, own) == 101
    other_name = {"Origin": f"http://localhost:{api.port}"}
    assert status_of_stream(api, other_name) == 403, "the page's own name, not another of ours"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_cannot_load_data_into_their_pages(api: Api, site: str):
    """An <img> or <script> sends no Origin, but browsers say which site it is on."""
    assert api.get("/v1/catalog", headers={"Sec-Fetch-Site": site}).status == 403
    assert api.get("/", headers={"Sec-Fetch-Site": site}).status == 200, "a link to the page may"


@pytest.mark.parametrize("path", [*PATHS, "/nothing", "/v1/surfaces/nothing"])
def test_every_answer_tells_the_browser_to_be_strict(api: Api, path: str):
    headers = api.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert f"connect-src 'self' ws://127.0.0.1:{api.port} wss://127.0.0.1:{api.port};" in policy
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_a_foreign_host_is_not_repeated_in_the_policy(api: Api):
    answer = api.get("/", headers={"Host": "evil.example"})
    assert "evil" not in str(answer.headers)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_an_address_others_reach_needs_a_token(awkward_lake: Lake, host: str):
    """It refuses to start, before it listens; so does the command."""
    with pytest.raises(UserError, match="--token"):
        HudServer(awkward_lake, ServerOptions(host=host, port=0))
    result = CliRunner().invoke(cli, ["serve", "--host", host, "--port", "0"])
    assert isinstance(result.exception, UserError)


@pytest.mark.parametrize("token", ["short", "", "with space in its middle", "pässwörter-sind-lang"])
def test_tokens_that_are_none(token: str):
    with pytest.raises(UserError, match="at least 16"):
        Access.of("127.0.0.1", 8765, token)


def test_an_open_address_with_a_token_serves_the_names_it_is_given(awkward_lake: Lake):
    options = ServerOptions(host="0.0.0.0", port=0, token=TOKEN, names=("hud.example",))
    with HudServer(awkward_lake, options).in_thread() as server:
        api = Api(server.port)
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        for host, status in (("hud.example", 200), ("evil.example", 421)):
            headers = {**bearer, "Host": f"{host}:{server.port}"}
            assert api.get("/v1/catalog", headers=headers).status == status


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/healthz"])
def test_without_the_token_nothing_is_served(closed: Api, path: str):
    assert closed.get("/healthz").status == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN},
                    {"Authorization": "Basic " + TOKEN}, {"Cookie": "spymaster_token=wrong"},
                    {"Cookie": "spymaster_token"}, {"Cookie": ";;=;"}):  # fmt: skip
        assert closed.get(path, headers=headers).status == 401
        assert status_of_stream(closed, headers) == 401
    assert closed.get(path, token="wrong").status == 401
    assert status_of_stream(closed, token="wrong") == 401
    assert closed.get(f"{path}?token={TOKEN}&token={TOKEN}").status == 401


def test_the_token_is_taken_as_bearer_cookie_or_query(closed: Api):
    for headers in (
        {"Authorization": f"Bearer {TOKEN}"},
        {"Cookie": f"a=b; spymaster_token={TOKEN}"},
    ):
        assert closed.get("/v1/catalog", headers=headers).status == 200
        assert status_of_stream(closed, headers) == 101
    assert closed.get("/v1/catalog", token=TOKEN).status == 200
    assert status_of_stream(closed, token=TOKEN) == 101


def test_the_page_moves_the_token_from_the_address_bar_to_a_cookie(closed: Api):
    answer = closed.get("/", token=TOKEN)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"spymaster_token={TOKEN};")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_too_many_requests_wait(awkward_lake: Lake):
    limits = replace(Limits(), requests_a_second=1.0, request_burst=5)
    with HudServer(awkward_lake, ServerOptions(port=0, limits=limits)).in_thread() as server:
        api = Api(server.port)
        statuses = [api.get("/healthz").status for _ in range(8)]
        assert statuses[:5] == [200] * 5
        assert 429 in statuses[5:]
        assert status_of_stream(api) == 429


def test_buckets_are_kept_for_the_last_addresses_only():
    buckets = AddressBuckets(1, 1, addresses=3)
    assert [buckets.take(name) for name in "abca"] == [True, True, True, False]
    assert [buckets.take(name) for name in "defa"] == [True] * 4
    assert len(buckets._buckets) == 3


def test_a_bucket_fills_again():
    now = [0.0]
    bucket = TokenBucket(2, 2, lambda: now[0])
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]


def raw(api: Api, data: bytes, seconds: float = 5.0) -> bytes:
    """Send bytes and return what comes back until the server closes or is silent."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=seconds) as connection:
        connection.sendall(data)
        found = b""
        try:
            while piece := connection.recv(65_536):
                found += piece
                if b"\r\n\r\n" in found:
                    break
        except (TimeoutError, ConnectionResetError):
            pass
        return found


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
        b"GET / HTTP/1.1\r\nHost: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /%ff%fe%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\nHost: x\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request(api: Api, data: bytes):
    answer = raw(api, data, seconds=1.0)
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"421")
    assert api.get("/healthz").status == 200


def test_random_paths_and_queries_are_never_an_error_of_ours(api: Api):
    """A thousand mutations of real requests: 2xx, 3xx or 4xx, and the service lives."""
    draw = random.Random(1)
    pieces = ["..", "%2e%2e", "/", "%2f", "%00", "ESH6", DT, "nan", "1e309", "-1", "9" * 25, "\u00e9",
              "%ff", "symbol=", "dt=", "&", "=", "?", "columns=", "book", "ticks=", ";", "%", "'", "*",
              "start_ts_ns=", "windows=", "version=", "limit=", "token=", SYMBOL.lower()]  # fmt: skip
    for _ in range(1_000):
        path = draw.choice(PATHS) + "".join(draw.choices(pieces, k=draw.randint(1, 6)))
        target = path.encode("utf-8").decode("latin-1").replace(" ", "%20")
        head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nConnection: close\r\n\r\n"
        answer = raw(api, head.encode("latin-1"))
        assert answer.split(b" ")[1][:1] in b"234", (head, answer[:300])


def test_a_slow_request_is_cut_off(awkward_lake: Lake):
    """Slow-loris: a byte now and then keeps no connection; the service answers others meanwhile."""
    limits = replace(Limits(), request_seconds=1.0)
    with HudServer(awkward_lake, ServerOptions(port=0, limits=limits)).in_thread() as server:
        api = Api(server.port)
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
        half = slow.pop()
        half.sendall(
            f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\nGET /he".encode()
        )
        start = time.monotonic()
        open_ones = list(slow)
        while open_ones and time.monotonic() - start < 5:
            for connection in list(open_ones):
                try:
                    connection.sendall(b"G")
                except OSError:
                    open_ones.remove(connection)
            assert api.get("/healthz").status == 200
            time.sleep(0.1)
        assert not open_ones, f"{len(open_ones)} slow requests are still open"
        half.settimeout(5)
        received = b""
        while piece := half.recv(4096):
            received += piece
        assert received.startswith(b"HTTP/1.1 200"), "the first request was answered"
        for connection in (*slow, half):
            connection.close()


def test_deadlines_are_not_for_those_who_behave(awkward_lake: Lake):
    """A playback lives on long after its handshake; so does a connection that is used again."""
    limits = replace(Limits(), request_seconds=0.5, stall_seconds=0.6)
    with HudServer(awkward_lake, ServerOptions(port=0, limits=limits)).in_thread() as server:
        api = Api(server.port)
        again = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        with api.stream(speed=20, columns="book") as stream:
            while len(stream.played.ends) < 40:
                assert stream.get() is not None
                if len(stream.played.ends) % 8 == 0:
                    again.request("GET", "/healthz")
                    with again.getresponse() as response:
                        assert (response.status, bool(response.read())) == (200, True)
        again.close()


def test_ctrl_c_ends_the_command_with_nothing_to_say(awkward_lake: Lake):
    code = "from spymaster.cli import main; main()"
    lake = str(awkward_lake.root)
    command = [sys.executable, "-c", code, "serve", "--port", "0", "--lake", lake]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[0]
        assert Api(int(url.rstrip("/").rsplit(":", 1)[1])).get("/healthz").status == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def test_a_port_that_is_taken_is_one_line(awkward_lake: Lake, api: Api):
    with pytest.raises(UserError, match=f"127.0.0.1:{api.port}.*--port 0"):
        HudServer(awkward_lake, ServerOptions(port=api.port))


def test_a_lake_that_is_not_there_is_one_line(tmp_path: Path):
    code = "from spymaster.cli import main; main()"
    command = [sys.executable, "-c", code, "serve", "--port", "0", "--lake", str(tmp_path / "none")]
    served = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert served.returncode == 1 and served.stdout == ""
    assert served.stderr.count("\n") == 1 and "there is no lake" in served.stderr
