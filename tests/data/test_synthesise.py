import hashlib
import json
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from edgekit.core.errors import DataError
from edgekit.data.cache import AudioCache
from edgekit.data.synth.config import SynthConfig
from edgekit.data.synth.synthesise import synthesise

pytest.importorskip("espeakng_loader")

CONFIG = SynthConfig(words=("yes", "turn left"), voices=6, takes=2, unknown=3, silence=12)


def contents(folder):
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synth") / "set"
    return folder, synthesise(CONFIG, folder, workers=2)


def test_the_manifest_holds_what_was_asked_for(made):
    folder, manifest = made
    assert manifest.labels == ("silence", "turn_left", "unknown", "yes")
    counts = {label: len(manifest.select(label=label)) for label in manifest.labels}
    assert counts == {"silence": 12, "turn_left": 12, "unknown": 18, "yes": 12}
    header = (folder / "manifest.csv").read_text().splitlines()[0]
    assert header.startswith("path,label,split,speaker,device,")


def test_no_voice_crosses_splits(made):
    _, manifest = made
    speakers = [
        {clip.speaker for clip in manifest.select(split=s).clips} - {None} for s in ("train", "validation", "test")
    ]
    assert [len(group) for group in speakers] == [4, 1, 1]
    assert len(set.union(*speakers)) == 6


def test_every_clip_is_sound_of_the_right_length(made, tmp_path):
    _, manifest = made
    cache = AudioCache(manifest, 16_000, tmp_path)
    assert len(cache) == len(manifest)
    assert set(cache.lengths.tolist()) == {16_000}
    levels = [np.abs(cache.clip(i).astype(int)).max() for i in range(len(cache))]
    assert min(levels) > 100


def test_takes_and_voices_differ(made):
    _, manifest = made
    paths = [clip.path for clip in manifest.select(label="yes").clips]
    assert len({hashlib.sha256(soundfile.read(path)[0].tobytes()).digest() for path in paths}) == len(paths)


def test_the_result_does_not_depend_on_the_number_of_workers(made, tmp_path):
    synthesise(CONFIG, tmp_path / "one", workers=1)
    assert contents(tmp_path / "one") == contents(made[0])


def test_another_seed_gives_another_set(made, tmp_path):
    other = SynthConfig(words=("yes", "turn left"), voices=6, takes=2, unknown=3, silence=12, seed=1)
    synthesise(other, tmp_path / "other")
    assert contents(tmp_path / "other")["manifest.csv"] != contents(made[0])["manifest.csv"]


def test_a_finished_set_is_left_alone(made):
    folder, _ = made
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    synthesise(CONFIG, folder)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()} == before


def test_lost_files_come_back_the_same(made):
    folder, manifest = made
    before = contents(folder)
    for clip in manifest.clips[::3]:
        clip.path.unlink()
    (folder / "manifest.csv").unlink()
    (folder / "yes" / ".leftover.flac.abc").write_text("x")
    synthesise(CONFIG, folder)
    assert contents(folder) == before


def test_a_killed_run_resumes_to_the_same_set(made, tmp_path):
    folder = tmp_path / "cut"
    code = "import json, sys; from pathlib import Path; from edgekit.data.synth.config import config_from_json; "
    code += "from edgekit.data.synth.synthesise import synthesise; "
    code += "synthesise(config_from_json(json.loads(sys.argv[1])), Path(sys.argv[2]), workers=1)"
    process = subprocess.Popen([sys.executable, "-c", code, json.dumps(CONFIG.to_json()), str(folder)])
    deadline = time.monotonic() + 30
    while len(list(folder.glob("*/*.flac"))) < 8 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (folder / "manifest.csv").exists()
    synthesise(CONFIG, folder)
    assert contents(folder) == contents(made[0])


def test_another_configuration_does_not_mix_in(made):
    with pytest.raises(DataError, match="holds a set of another configuration"):
        synthesise(SynthConfig(words=("yes",), voices=6), made[0])


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="is not empty"):
        synthesise(CONFIG, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_word_that_is_too_long_says_so_and_leaves_nothing(tmp_path):
    long = SynthConfig(words=("internationalisation of everything",), voices=3, takes=1, seconds=0.3, silence=0)
    with pytest.raises(DataError, match=r"takes .* s at the fastest, a clip has 0\.3 s .*--seconds"):
        synthesise(long, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_an_unknown_language_says_so_and_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match="no voice 'qq"):
        synthesise(SynthConfig(words=("ja",), unknown_words=(), language="qq", voices=3), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_a_long_word_is_said_faster_until_it_fits(tmp_path):
    words = SynthConfig(words=("extraordinary",), unknown_words=(), voices=3, takes=1, seconds=0.6, silence=0)
    assert len(synthesise(words, tmp_path / "set")) == 3


def test_another_language_rate_and_format(tmp_path):
    config = SynthConfig(
        words=("ja", "nein"),
        unknown_words=("haus",),
        language="de",
        voices=3,
        takes=1,
        silence=3,
        rate=8000,
        format="wav",
    )
    manifest = synthesise(config, tmp_path / "de")
    assert {soundfile.info(str(clip.path)).samplerate for clip in manifest.clips} == {8000}
    assert {clip.path.suffix for clip in manifest.clips} == {".wav"}
    assert {clip.speaker.split("+")[0] for clip in manifest.clips if clip.speaker} == {"de"}


def test_measured_microphones_become_devices(data_root, tmp_path):
    config = SynthConfig(words=("yes",), voices=3, takes=2, silence=0, microphone_folder=data_root / "mic_irs")
    manifest = synthesise(config, tmp_path / "set")
    names = {file.stem for file in (data_root / "mic_irs").glob("*.flac")}
    assert {clip.device for clip in manifest.clips} <= names


@pytest.mark.slow
def test_a_demo_sized_set_takes_less_than_40_seconds_of_two_cores(tmp_path):
    """Processor time of the workers, so that other work on the machine does not count."""
    words = ("yes", "no", "up", "down", "left", "right", "stop", "go")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    manifest = synthesise(SynthConfig(words=words, voices=40, takes=4, silence=300), tmp_path / "set", workers=2)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(manifest) == 40 * (8 * 4 + 8) + 300
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2 * 40
