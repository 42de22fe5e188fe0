"""Control messages: what makes sense is obeyed, anything else is one error with a code."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster.hud.control import Control, ControlError, parse_control
from spymaster.hud.playback import MAX
from spymaster.hud.queries import parse_speed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"type": "play"}', Control("play")),
        ('{"type": "pause", "id": 7}', Control("pause", 7)),
        ('{"type": "speed", "speed": 0.25}', Control("speed", speed=0.25)),
        ('{"type": "speed", "speed": 120, "id": "a"}', Control("speed", "a", speed=120.0)),
        ('{"type": "speed", "speed": "max"}', Control("speed", speed=MAX)),
        ('{"type": "seek", "ts_ns": "1767697200000000000"}',
         Control("seek", ts_ns=1_767_697_200_000_000_000)),
    ],
)  # fmt: skip
def test_messages_that_make_sense(text: str, expected: Control):
    assert parse_control(text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "bad_message"),
        ("", "bad_message"),
        ("play", "bad_message"),
        ("[1]", "bad_message"),
        ('{"type": "speed", "speed": NaN}', "bad_message"),
        ('{"type": "speed", "speed": Infinity}', "bad_message"),
        ("[" * 4_000, "bad_message"),
        ('{"type": "play", "id": ' + "9" * 3_000 + "}", "bad_message"),
        ('{"type": "play", "id": true}', "bad_message"),
        ('{"type": "play", "id": [1]}', "bad_message"),
        ('{"type": "play", "x": "' + "y" * 5_000 + '"}', "bad_message"),
        ("{}", "bad_type"),
        ('{"type": "stop"}', "bad_type"),
        ('{"type": ["play"]}', "bad_type"),
        ('{"type": {"play": 1}}', "bad_type"),
        ('{"type": "speed"}', "bad_speed"),
        ('{"type": "speed", "speed": 0.24}', "bad_speed"),
        ('{"type": "speed", "speed": 120.1}', "bad_speed"),
        ('{"type": "speed", "speed": 0}', "bad_speed"),
        ('{"type": "speed", "speed": -1}', "bad_speed"),
        ('{"type": "speed", "speed": 1e400}', "bad_speed"),
        ('{"type": "speed", "speed": ' + "9" * 3_000 + "}", "bad_speed"),
        ('{"type": "speed", "speed": true}', "bad_speed"),
        ('{"type": "speed", "speed": "60"}', "bad_speed"),
        ('{"type": "seek"}', "bad_ts"),
        ('{"type": "seek", "ts_ns": 1767697200000000000}', "bad_ts"),
        ('{"type": "seek", "ts_ns": "-1"}', "bad_ts"),
        ('{"type": "seek", "ts_ns": "1e18"}', "bad_ts"),
        ('{"type": "seek", "ts_ns": "\u0663"}', "bad_ts"),
        ('{"type": "seek", "ts_ns": "9999999999999999999"}', "bad_ts"),
    ],
)
def test_messages_that_make_none(text: str | None, code: str):
    with pytest.raises(ControlError) as caught:
        parse_control(text)
    assert caught.value.as_json()["code"] == code


@given(st.text(max_size=200) | JSON.map(json.dumps))
def test_nothing_but_a_control_error_comes_of_any_text(text: str):
    try:
        assert isinstance(parse_control(text), Control)
    except ControlError as error:
        assert json.loads(json.dumps(error.as_json()))["type"] == "error"


@given(
    kind=st.sampled_from(["play", "pause", "speed", "seek", "stop"]),
    speed=JSON, ts_ns=JSON, id_=JSON,
)  # fmt: skip
def test_any_fields_of_a_known_type(kind: str, speed: object, ts_ns: object, id_: object):
    try:
        found = parse_control(json.dumps({"type": kind, "speed": speed, "ts_ns": ts_ns, "id": id_}))
    except ControlError:
        return
    assert found.kind != "speed" or found.speed == MAX or 0.25 <= found.speed <= 120
    assert 0 <= found.ts_ns < 2**63


def test_an_error_repeats_the_id():
    with pytest.raises(ControlError) as caught:
        parse_control('{"type": "speed", "speed": 0, "id": 3}')
    assert caught.value.as_json()["id"] == 3


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "-1", "1e2", "0x10", "121", "0.2", "\uff11", " 1", "1_0"]
)
def test_speeds_of_a_query_that_are_none(text: str):
    assert parse_speed(text) is None
