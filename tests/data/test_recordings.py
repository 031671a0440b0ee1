from pathlib import Path

from edgekit.data.manifest import Clip
from edgekit.data.recordings import find_recordings


def _tau(name: str, **more) -> Clip:
    return Clip(
        name, Path(f"/set/audio/{name}.wav"), "bus", device=name[-1], sample_rate=44_100, samples=44_100, **more
    )


def test_tau_segments_join_in_order_of_their_seconds_per_device() -> None:
    names = [f"bus-lyon-1-{segment}-{second}-{device}" for segment in (2, 1) for device in "ba" for second in (2, 0, 1)]
    clips = [_tau(name) for name in names]
    found = [[clips[index].id for index in run] for run in find_recordings(clips)]
    wanted = [[f"bus-lyon-1-{s}-{second}-{d}" for second in range(3)] for s in (1, 2) for d in "ab"]
    assert sorted(found) == sorted(wanted)


def test_a_missing_second_parts_the_recording() -> None:
    clips = [_tau(f"bus-lyon-1-2-{second}-a") for second in (0, 1, 3, 4, 6)]
    assert sorted(find_recordings(clips)) == [(0, 1), (2, 3)]


def test_stretches_of_one_file_join_where_they_touch_within_a_split() -> None:
    def stretch(start: int, split: str = "train") -> Clip:
        return Clip(f"f@{start}", Path("/set/f.wav"), "x", split=split, sample_rate=8000, start=start, samples=800)

    clips = [stretch(1600), stretch(0), stretch(800), stretch(3000), stretch(3800, "test")]
    assert find_recordings(clips) == [(1, 2, 0)]
