"""A partition replaced while it is served: who watches keeps a consistent day, who comes gets the new."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hud_clients import Api
from hud_lake import DT, FIRST_START_NS, SECOND, SYMBOL, HudDay, hud_lake, write_hud_day
from websockets.exceptions import InvalidStatus

from spymaster.errors import UserError
from spymaster.hud import day_cache
from spymaster.hud.day import load_day
from spymaster.hud.limits import Limits
from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake

BOOTSTRAP = "/v1/hud/bootstrap"
OLD, NEW = HudDay(windows=300, seed=1), HudDay(windows=300, seed=2)


def whole(lake: Lake) -> pa.Table:
    return pa.Table.from_batches([load_day(lake, SYMBOL, DT).rows])


def test_watchers_keep_their_day_and_newcomers_get_the_new(tmp_path: Path):
    lake = hud_lake(tmp_path, OLD)
    with HudServer(lake, ServerOptions(port=0)).in_thread() as server:
        api = Api(server.port)
        old_day = whole(lake)
        old_version = api.get(BOOTSTRAP).headers["spymaster-day-version"]
        with api.stream(playing="false", speed="max") as watcher:
            watcher.until("state")
            write_hud_day(lake, NEW)
            new_day = whole(lake)
            assert not new_day.equals(old_day)
            assert api.get(BOOTSTRAP).table.equals(new_day)
            with api.stream(speed="max") as newcomer:
                newcomer.until("end")
                assert pa.Table.from_batches(newcomer.played.batches).equals(new_day)
                assert newcomer.played.texts[0]["version"] != old_version
            # The watcher plays on, and fills gaps, from what it began with.
            watcher.say(type="play")
            watcher.until("end")
            assert pa.Table.from_batches(watcher.played.batches).equals(old_day)
            instant = FIRST_START_NS + 100 * SECOND
            old = api.get(BOOTSTRAP, end_ts_ns=instant, windows=10, version=old_version)
            assert old.table.equals(old_day.slice(90, 10))
        # Nobody holds the old day any more: whoever asks for it is told that it is gone.
        statuses = set()
        for _ in range(50):
            statuses.add(api.get(BOOTSTRAP, version=old_version, windows=1).status)
            if 409 in statuses:
                break
            threading.Event().wait(0.05)
        assert 409 in statuses
        with pytest.raises(InvalidStatus) as caught, api.stream(version=old_version):
            pass
        assert caught.value.response.status_code == 409


def test_a_day_is_never_of_two_versions_while_it_is_replaced(tmp_path: Path):
    """Loads race a publisher that replaces all tables again and again: old, new or 'missing', no mix."""
    lake = hud_lake(tmp_path, OLD)
    seeds = (1, 2)
    wanted = {}
    for seed in seeds:
        other = hud_lake(tmp_path / str(seed), replace(OLD, seed=seed))
        wanted[seed] = load_day(other, SYMBOL, DT).rows
    done = threading.Event()

    def publish_for_ever() -> None:
        while not done.is_set():
            for seed in (2, 1):
                write_hud_day(lake, replace(OLD, seed=seed))

    publisher = threading.Thread(target=publish_for_ever)
    publisher.start()
    loaded = 0
    try:
        for _ in range(15):
            try:
                rows = load_day(lake, SYMBOL, DT).rows
            except UserError:
                continue
            loaded += 1
            (seed,) = (
                s
                for s in seeds
                if rows["spot_ref_price_int"].equals(wanted[s]["spot_ref_price_int"])
            )
            for name in rows.schema.names:
                # The list of norms is always there; its items are null where the bands are missing.
                array = rows[name].flatten() if name == "band_norms" else rows[name]
                is_null = array.null_count == len(array)
                assert is_null or rows[name].equals(wanted[seed][name]), name
    finally:
        done.set()
        publisher.join()
    assert loaded > 0


def test_days_in_memory_are_bounded(tmp_path: Path):
    """The last used are kept; with watchers on too many different days the next one must wait."""
    lake = hud_lake(tmp_path, HudDay(windows=50))
    dates = [f"2026-02-0{day}" for day in range(1, 6)]
    for dt in dates:
        write_hud_day(lake, HudDay(windows=50), dt=dt)
    limits = replace(Limits(), days=2, open_days=3)
    with HudServer(lake, ServerOptions(port=0, limits=limits)).in_thread() as server:
        api = Api(server.port)
        days = server.app.state.service.days
        for dt in dates:
            assert api.get(BOOTSTRAP, dt=dt, symbol=SYMBOL, windows=1).status == 200
            assert len(days._latest) <= 2
        assert [dt for _, dt in days._latest] == dates[-2:]
        with ExitStack() as stack:
            for dt in dates[:3]:
                assert stack.enter_context(api.stream(dt=dt)).get()["type"] == "hello"
            answer = api.get(BOOTSTRAP, dt=dates[3], windows=1)
            assert answer.status == 503
            assert "too many" in answer.error
            assert api.get(BOOTSTRAP, dt=dates[1], windows=1).status == 200, "that one is there"


def test_many_at_once_load_a_day_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    loads = []

    def counting(*arguments: object) -> object:
        loads.append(arguments)
        return load_day(*arguments)

    monkeypatch.setattr(day_cache, "load_day", counting)
    with HudServer(hud_lake(tmp_path, OLD), ServerOptions(port=0)).in_thread() as server:
        api = Api(server.port)
        threads = [threading.Thread(target=api.get, args=(BOOTSTRAP,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(loads) == 1
