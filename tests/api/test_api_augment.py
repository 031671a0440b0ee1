"""Offline augmentation end to end: bytes, shards, SIGKILL, a full disk, groups."""

from __future__ import annotations

import csv
import hashlib
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekit.api.augment import augment
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, DataError
from edgekit.data.datasets import read_manifest
from edgekit.data.join import join_manifests

PLAN = """
mode = "copies"
copies = 3
[[chain]]
pitch = { semitones = [-2, 2] }
noise = { snr_db = [5, 20] }
[[chain]]
shift = {}
gain = {}
"""


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    """Eight short noises of two labels; the last two are for testing."""
    folder, draw = tmp_path / "real", np.random.default_rng(0)
    folder.mkdir()
    rows = ["path,label,split,speaker,device"]
    for number in range(8):
        soundfile.write(folder / f"{number}.wav", 0.1 * draw.normal(size=1600), 8000, subtype="PCM_16")
        split = "train" if number < 6 else "test"
        rows.append(f"{number}.wav,{'yes' if number % 2 else 'no'},{split},s{number},{'a' if number < 5 else 'b'}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(PLAN)
    return tmp_path / "mine.toml"


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_copies_keep_label_and_groups_and_come_from_training_only(small_set, plan, tmp_path) -> None:
    made = augment(small_set, plan, tmp_path / "out")
    assert (made.clips, made.there, made.total, made.missing, made.rejected) == (18, 0, 18, (), ())
    manifest = read_manifest(tmp_path / "out")
    sources = {clip.id: clip for clip in read_manifest(small_set).clips}
    assert {clip.split for clip in manifest.clips} == {"train"}
    for clip in manifest.clips:
        source = sources[clip.source]
        assert (clip.label, clip.speaker, clip.device) == (source.label, source.speaker, source.device)
    assert all(sources[clip.source].split == "train" for clip in manifest.clips)
    joined = join_manifests([read_manifest(small_set), manifest])
    assert len(joined) == 26
    audio, rate = soundfile.read(manifest.clips[0].path, dtype="int16")
    assert rate == 8000 and len(audio) == 1600 and soundfile.info(manifest.clips[0].path).subtype == "PCM_16"
    assert len({digest for name, digest in _digests(tmp_path / "out").items() if name.endswith("flac")}) == 18


def test_shards_and_a_second_call_give_the_same_folder(small_set, plan, tmp_path) -> None:
    augment(small_set, plan, tmp_path / "whole", seed=3)
    wanted = _digests(tmp_path / "whole")
    first = augment(small_set, plan, tmp_path / "parts", seed=3, shard=(2, 3))
    assert first.manifest is None and first.missing == (1, 3) and not (tmp_path / "parts" / "manifest.csv").exists()
    augment(small_set, plan, tmp_path / "parts", seed=3, shard=(3, 3))
    last = augment(small_set, plan, tmp_path / "parts", seed=3, shard=(1, 3))
    assert last.manifest is not None and _digests(tmp_path / "parts") == wanted
    again = augment(small_set, plan, tmp_path / "parts", seed=3)
    assert again.there == 18 and _digests(tmp_path / "parts") == wanted
    augment(small_set, plan, tmp_path / "other", seed=4)
    assert not set(_digests(tmp_path / "other").values()) & set(wanted.values())


def test_killed_in_the_middle_it_goes_on_to_the_same_folder(small_set, tmp_path) -> None:
    (tmp_path / "mine.toml").write_text(PLAN.replace("copies = 3", "copies = 60"))
    plan = tmp_path / "mine.toml"
    command = [sys.executable, "-m", "edgekit", "data", "augment", str(small_set), "--plan", str(plan), "-o"]
    process = subprocess.Popen([*command, str(tmp_path / "killed")])
    limit = time.monotonic() + 60
    while len(list((tmp_path / "killed").glob("*/*.flac"))) < 20 and time.monotonic() < limit:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = len(list((tmp_path / "killed").glob("*/*.flac")))
    assert 20 <= there < 360 and not (tmp_path / "killed" / "manifest.csv").exists()
    made = augment(small_set, plan, tmp_path / "killed")
    assert made.clips == 360 and made.there >= 20
    augment(small_set, plan, tmp_path / "whole")
    assert _digests(tmp_path / "killed") == _digests(tmp_path / "whole")


def test_a_disk_without_room_is_one_clear_line_and_leaves_only_whole_files(small_set, plan, tmp_path) -> None:
    """The kernel refuses every write beyond 2,000 bytes, as a full disk does: no clip of 1,600 samples fits."""
    out = tmp_path / "out"
    code = f"from edgekit.cli.main import main; raise SystemExit(main({_arguments(small_set, plan, out)!r}))"

    def cramped() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=cramped)
    assert ended.returncode == 2
    assert (
        len(ended.stderr.splitlines()) == 1
        and "no room left" in ended.stderr
        and "the same command again" in ended.stderr
    )
    assert not list(out.rglob("*.flac")) and not list(out.glob("[!.]*/.*")) and not (out / "manifest.csv").exists()
    assert main(_arguments(small_set, plan, out)) == 0
    assert len(read_manifest(out)) == 18


def _arguments(data: Path, plan: Path, out: Path) -> list[str]:
    return ["data", "augment", str(data), "--plan", str(plan), "-o", str(out)]


def test_tau_segments_become_recordings_cut_half_a_second_later(tmp_path) -> None:
    folder, draw = tmp_path / "tau", np.random.default_rng(1)
    folder.mkdir()
    whole = draw.integers(-9000, 9000, 10 * 8000).astype(np.int16)
    rows = ["path,label,device,split,source"]
    for second in range(10):
        name = f"bus-lyon-1-2-{second}-a.wav"
        soundfile.write(folder / name, whole[second * 8000 : (second + 1) * 8000], 8000, subtype="PCM_16")
        rows.append(f"{name},bus,a,train,lyon-1-2")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    augment(folder, "half-second", tmp_path / "out", audio_format="wav")
    made = read_manifest(tmp_path / "out")
    assert len(made) == 9 and {clip.source for clip in made.clips} == {"lyon-1-2"}
    for clip in made.clips:
        second = int(clip.path.name.split("-")[4])
        audio, _ = soundfile.read(clip.path, dtype="int16")
        np.testing.assert_array_equal(audio, whole[second * 8000 + 4000 : second * 8000 + 12_000])


def test_devices_are_balanced_by_convolution(small_set, tmp_path) -> None:
    responses = tmp_path / "responses"
    responses.mkdir()
    delayed = np.zeros(40)
    delayed[[0, 7]] = 0.5, 0.5
    soundfile.write(responses / "echo.wav", delayed, 8000)
    made = augment(small_set, "device-balance", tmp_path / "out", changes={"responses": str(responses)})
    assert made.clips == 4  # five of a, one of b among the training clips
    rows = list(csv.DictReader((tmp_path / "out" / "manifest.csv").open()))
    assert {(row["device"], row["augmentation"]) for row in rows} == {("b", "impulse-response:echo")}
    for row in rows:
        source, _ = soundfile.read(small_set / row["source"])
        wanted = (source + np.concatenate([np.zeros(7), source[:-7]])) / np.sqrt(2)
        got, _ = soundfile.read(tmp_path / "out" / row["path"])
        np.testing.assert_allclose(got, wanted, atol=1.0 / 32768)


def test_a_convolved_copy_is_a_clip_of_the_device_that_its_response_is_of(small_set, tmp_path) -> None:
    responses = tmp_path / "responses"
    responses.mkdir()
    for name, place in (("near", 0), ("far", 5)):
        soundfile.write(responses / f"{name}.wav", np.eye(1, 9, place)[0] + 0.5 * np.eye(1, 9, 2)[0], 8000)
    changes = {"responses": str(responses), "share": 0.4}
    made = augment(small_set, "impulse-response", tmp_path / "out", changes=changes)
    assert made.clips == 4  # two of the five training clips of device a, by two responses
    rows = list(csv.DictReader((tmp_path / "out" / "manifest.csv").open()))
    assert sorted(row["device"] for row in rows) == ["far", "far", "near", "near"]
    assert all(row["augmentation"] == f"impulse-response:{row['device']}" for row in rows)
    (tmp_path / "any.toml").write_text('mode = "copies"\ncopies = 9\n[[chain]]\nimpulse-response = {}\ngain = {}\n')
    augment(small_set, tmp_path / "any.toml", tmp_path / "drawn", changes={"responses": str(responses)})
    devices = [row["device"] for row in csv.DictReader((tmp_path / "drawn" / "manifest.csv").open())]
    assert len(devices) == 54 and set(devices) == {"near", "far"}


def test_what_cannot_be_done_is_refused(small_set, plan, tmp_path) -> None:
    out = tmp_path / "out"
    unsplit = tmp_path / "unsplit"
    unsplit.mkdir()
    (unsplit / "manifest.csv").write_text("path,label\nx.wav,yes\n")
    soundfile.write(unsplit / "x.wav", np.ones(100) * 0.1, 8000)
    with pytest.raises(DataError, match="no split 'train'"):
        augment(unsplit, plan, out)
    with pytest.raises(BadConfigError, match="0/2 is no shard"):
        augment(small_set, plan, out, shard=(0, 2))
    with pytest.raises(DataError, match="holds no impulse response"):
        augment(small_set, "device-balance", out, changes={"responses": str(tmp_path / "nowhere")})
    assert not out.exists()
    augment(small_set, plan, out)
    with pytest.raises(DataError, match="another plan, seed or source"):
        augment(small_set, plan, out, seed=1)
    with pytest.raises(DataError, match="is not empty"):
        augment(small_set, plan, small_set)


def test_a_broken_source_is_left_out_and_named(small_set, plan, tmp_path, capsys) -> None:
    whole = (small_set / "3.wav").read_bytes()
    soundfile.write(tmp_path / "x.flac", np.random.default_rng(0).normal(size=4000) * 0.1, 8000)
    broken = bytearray((tmp_path / "x.flac").read_bytes())
    broken[400:600] = bytes(200)
    (small_set / "3.wav").write_bytes(bytes(broken))  # a FLAC whose header is whole: the fault shows when decoding
    assert main(_arguments(small_set, plan, tmp_path / "out")) == 0
    assert "left out 3.wav: damaged" in capsys.readouterr().err
    assert len(read_manifest(tmp_path / "out")) == 15
    (small_set / "3.wav").write_bytes(whole)


def test_the_command_lists_plans_and_speaks_json(small_set, plan, tmp_path, capsys) -> None:
    assert main(["data", "augment", "--list-plans"]) == 0
    assert "device-balance" in capsys.readouterr().out
    assert main([*_arguments(small_set, plan, tmp_path / "out"), "--shard", "1/2", "--format", "json"]) == 0
    assert '"missing_shards": [\n    2\n  ]' in capsys.readouterr().out
    assert main(["data", "augment", str(small_set)]) == 2
    assert "--plan is missing" in capsys.readouterr().err
