"""Plans: what they count, and how they are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from edgekit.augment.offline.copies import plan_copies
from edgekit.augment.offline.plan import Plan, load_plan, plan_from, plan_names
from edgekit.augment.offline.steps import Gain, ImpulseResponse, Noise, Shift
from edgekit.core.errors import BadConfigError, DataError


@dataclass(frozen=True)
class Clip:
    id: str
    label: str
    device: str | None = None
    sample_rate: int = 1000
    samples: int = 1000


def _clips(**devices: int) -> list[Clip]:
    return [
        Clip(f"{device}{number}", "xy"[number % 2], device)
        for device, count in devices.items()
        for number in range(count)
    ]


def test_every_plan_that_comes_along_is_read() -> None:
    assert {"device-balance", "data-hunger", "impulse-response", "half-second"} <= set(plan_names())
    for name in plan_names():
        assert load_plan(name).about
    assert load_plan("data-hunger", clips=7, copies=None).clips == 7


def test_devices_are_balanced_with_responses_of_their_own() -> None:
    clips = _clips(a=10, b=4, s1=7)
    made = plan_copies(load_plan("device-balance"), clips, [], 5, seed=0)
    assert Counter(copy.device for copy in made) == {"b": 6, "s1": 3}
    assert all(clips[copy.sources[0]].device == "a" for copy in made)
    responses = {device: {c.response for c in made if c.device == device} for device in ("b", "s1")}
    assert not responses["b"] & responses["s1"] and responses["b"] == {0, 2, 4}
    names = [(copy.sources[0], copy.number) for copy in made]
    assert len(set(names)) == len(names)


def test_classes_are_filled_up_from_all_their_clips_by_all_chains() -> None:
    clips = [Clip(f"x{n}", "x") for n in range(3)] + [Clip("y", "y")]
    plan = Plan(name="p", mode="fill-classes", clips=7, chains=((Shift(),), (Gain(),)))
    made = plan_copies(plan, clips, [], 0, seed=0)
    labels = Counter(clips[copy.sources[0]].label for copy in made)
    assert labels == {"x": 4, "y": 6}
    sources = Counter(copy.sources[0] for copy in made)
    assert sorted(sources[n] for n in range(3)) == [1, 1, 2] and sources[3] == 6
    assert {copy.chain for copy in made if copy.sources == (3,)} == {0, 1}


def test_every_response_meets_each_chosen_clip_once() -> None:
    plan = load_plan("impulse-response", share=0.25)
    clips = _clips(a=8, b=3)
    made = plan_copies(plan, clips, [], 4, seed=0)
    assert Counter(copy.response for copy in made) == dict.fromkeys(range(4), 2)
    assert len({copy.sources for copy in made}) == 2 and all(clips[c.sources[0]].device == "a" for c in made)


def test_recut_starts_half_a_second_later_and_loses_half_a_second() -> None:
    clips = [Clip(f"{second}", "x") for second in range(10)]
    made = plan_copies(load_plan("half-second"), clips, [tuple(range(10))], 0, seed=0)
    assert [(copy.sources, copy.start, copy.seconds) for copy in made] == [((s, s + 1), 0.5, 1.0) for s in range(9)]
    whole = plan_from({"mode": "recut", "clip_seconds": 10}, "whole")
    (copy,) = plan_copies(whole, clips, [tuple(range(10))], 0, seed=0)
    assert (copy.sources, copy.start, copy.seconds) == (tuple(range(10)), 0.0, 10.0)


def test_the_choice_follows_from_seed_and_ids_and_not_from_the_order() -> None:
    clips = _clips(a=40)
    plan = Plan(name="p", mode="copies", share=0.25, chains=((Noise(),),))
    chosen = {clips[copy.sources[0]].id for copy in plan_copies(plan, clips, [], 0, seed=3)}
    back = clips[::-1]
    assert {back[copy.sources[0]].id for copy in plan_copies(plan, back, [], 0, seed=3)} == chosen
    assert {clips[copy.sources[0]].id for copy in plan_copies(plan, clips, [], 0, seed=4)} != chosen
    assert len(chosen) == 10


@pytest.mark.parametrize(
    ("name", "clips", "message"),
    [
        ("device-balance", _clips(b=3, c=2), "no clip is by device 'a'"),
        ("device-balance", _clips(a=3, c=3), "as many clips"),
        ("impulse-response", _clips(b=3), "no clip is by device 'a'"),
        ("half-second", _clips(a=3), "no recording"),
    ],
)
def test_a_plan_with_nothing_to_do_says_so(name: str, clips: list[Clip], message: str) -> None:
    with pytest.raises(DataError, match=message):
        plan_copies(load_plan(name), clips, [], 3, seed=0)


CHAIN = {"chain": [{"gain": {}}]}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"mode": "copis", **CHAIN}, "use one of copies"),
        ({"mode": "copies"}, "no chain"),
        ({"mode": "copies", "clips": 5, **CHAIN}, "unknown key 'clips'"),
        ({"mode": "copies", "share": 0, **CHAIN}, "share = 0.0 is out of range"),
        ({"mode": "copies", "copies": 1.5, **CHAIN}, "give a whole number"),
        ({"mode": "fill-classes", **CHAIN}, "clips is missing"),
        ({"mode": "recut", "offset_seconds": 0.5}, "clip_seconds is missing"),
        ({"mode": "copies", "chain": [{"pich": {}}]}, "did you mean 'pitch'"),
        ({"mode": "copies", "chain": [{"pitch": {"semitone": [1, 2]}}]}, "did you mean 'semitones'"),
        ({"mode": "copies", "chain": [{"pitch": {"semitones": [2, 1]}}]}, "runs backwards"),
        ({"mode": "copies", "chain": [{"pitch": {"semitones": 2}}]}, "give a pair"),
        ({"mode": "copies", "chain": [{"pitch": {"semitones": [float("nan"), 2]}}]}, "out of range"),
        ({"mode": "copies", "chain": [{"shift": {"fill": "mean"}}]}, "use roll or cut"),
        ({"mode": "copies", "chain": [{}]}, "no step"),
        ({"mode": "copies", "chain": [{"impulse-response": {}}]}, "responses is missing"),
        ({"mode": "every-response", "chain": [{"impulse-response": {}}]}, "responses is missing"),
    ],
)
def test_bad_plans_are_refused(table: dict, message: str) -> None:
    with pytest.raises(BadConfigError, match=message):
        plan_from(table, "p")


def test_a_chain_keeps_the_order_of_the_file(tmp_path) -> None:
    text = 'mode = "copies"\nresponses = "x"\n[[chain]]\nnoise = {}\nimpulse-response = {}\n[[chain]]\ngain = {}\n'
    (tmp_path / "mine.toml").write_text(text)
    plan = load_plan(tmp_path / "mine.toml")
    assert plan.name == "mine" and plan.chains == ((Noise(), ImpulseResponse()), (Gain(),))
    with pytest.raises(BadConfigError, match="did you mean 'data-hunger'"):
        load_plan("data-hungr")
