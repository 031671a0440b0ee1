import hashlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from full_disk import largest_file

from edgekit.core.errors import BadConfigError, BadFileError, DataError
from edgekit.data import cache as cache_module
from edgekit.data import store as store_module
from edgekit.data.cache import AudioCache, cache_folder
from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import Rejected

RATE = 16_000


@pytest.fixture
def small(write_audio, tmp_path):
    """Four good clips of different lengths, one broken, one silent."""
    chance = np.random.default_rng(1)
    for number in range(4):
        pcm = chance.integers(-5000, 5000, 1000 + 100 * number).astype(np.int16)
        write_audio(tmp_path / "set" / "yes" / f"{number}.wav", pcm, subtype="PCM_16")
    (tmp_path / "set" / "yes" / "1b.wav").write_text("text")
    write_audio(tmp_path / "set" / "yes" / "2b.wav", np.zeros(500))
    return read_manifest(tmp_path / "set")


def digests(folder):
    files = sorted(file for file in folder.rglob("*") if file.name in ("pack.i16", "journal.jsonl"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def count_decodes(monkeypatch):
    calls = []
    real = cache_module.decode

    def counted(path, *arguments):
        calls.append(path)
        return real(path, *arguments)

    monkeypatch.setattr(cache_module, "decode", counted)
    return calls


def test_clips_are_the_files_and_indices_count_the_usable_ones(small, tmp_path):
    cache = AudioCache(small, RATE, tmp_path / "cache")
    assert len(cache) == 4
    assert cache.lengths.tolist() == [1000, 1100, 1200, 1300]
    for index, clip in enumerate(cache.manifest.clips):
        expected, _ = soundfile.read(clip.path, dtype="int16")
        assert np.array_equal(cache.clip(index), expected)


def test_what_is_left_out_is_listed_with_reasons(small, tmp_path):
    cache = AudioCache(small, RATE, tmp_path / "cache")
    assert cache.rejected == (
        Rejected("yes/1b.wav", "not a WAV, FLAC, Ogg or AIFF file"),
        Rejected("yes/2b.wav", "silent: the samples do not move"),
    )
    assert cache.manifest.rejected == cache.rejected
    assert AudioCache(small, RATE, tmp_path / "cache").rejected == cache.rejected


def test_a_window_is_padded_and_trimmed(small, tmp_path):
    cache = AudioCache(small, RATE, tmp_path / "cache")
    pcm = cache.clip(0)
    assert np.array_equal(cache.window(0, 1200), np.concatenate([pcm, np.zeros(200, np.int16)]))
    assert np.array_equal(cache.window(0, 300, 100), pcm[100:400])
    assert np.array_equal(cache.window(0, 300, -100), np.concatenate([np.zeros(100, np.int16), pcm[:200]]))
    assert not cache.window(0, 300, 5000).any()
    assert not cache.window(0, 300, -500).any()
    assert cache.window(0, 300).dtype == np.int16


def test_clips_cannot_be_written(small, tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        AudioCache(small, RATE, tmp_path / "cache").clip(0)[0] = 1


def test_the_second_time_nothing_is_decoded(small, tmp_path, monkeypatch):
    AudioCache(small, RATE, tmp_path / "cache")
    calls = count_decodes(monkeypatch)
    AudioCache(small, RATE, tmp_path / "cache")
    assert calls == []


def test_the_second_time_old_files_are_not_even_read(small, tmp_path, monkeypatch):
    for clip in small.clips:
        os.utime(clip.path, (1, 1))
    time.sleep(2.1)  # files changed within two seconds are not trusted to the index
    AudioCache(small, RATE, tmp_path / "cache")
    monkeypatch.setattr("edgekit.data.store.digest_file", lambda path: pytest.fail(f"{path} was read"))
    assert len(AudioCache(small, RATE, tmp_path / "cache")) == 4


def test_moved_recordings_are_known_by_content(small, tmp_path, monkeypatch):
    AudioCache(small, RATE, tmp_path / "cache")
    shutil.move(tmp_path / "set", tmp_path / "moved")
    calls = count_decodes(monkeypatch)
    assert len(AudioCache(read_manifest(tmp_path / "moved"), RATE, tmp_path / "cache")) == 4
    assert calls == []


def test_a_changed_recording_is_decoded_again_even_with_old_times(small, tmp_path, write_audio):
    AudioCache(small, RATE, tmp_path / "cache")
    path = small.clips[0].path
    before = path.stat()
    write_audio(path, np.full(1000, 0.5) * np.sin(np.arange(1000)), subtype="PCM_16")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    expected, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(AudioCache(small, RATE, tmp_path / "cache").clip(0), expected)


def test_a_mended_recording_comes_back(small, tmp_path, write_audio):
    AudioCache(small, RATE, tmp_path / "cache")
    write_audio(tmp_path / "set" / "yes" / "1b.wav")
    assert len(AudioCache(small, RATE, tmp_path / "cache")) == 5


def test_a_selection_shares_the_cache_of_the_whole(small, tmp_path, monkeypatch):
    whole = AudioCache(small, RATE, tmp_path / "cache")
    calls = count_decodes(monkeypatch)
    part = AudioCache(small.where(lambda clip: clip.id == "yes/3.wav"), RATE, tmp_path / "cache")
    assert np.array_equal(part.clip(0), whole.clip(3))
    assert calls == []


def test_rates_have_packs_of_their_own(small, tmp_path):
    assert AudioCache(small, 8000, tmp_path / "cache").lengths.tolist() == [500, 550, 600, 650]
    assert AudioCache(small, RATE, tmp_path / "cache").lengths.tolist() == [1000, 1100, 1200, 1300]


def test_a_rate_that_the_manifest_states_wrongly_is_a_reason(write_csv, write_audio, tmp_path):
    write_audio(tmp_path / "1.wav", rate=8000)
    write_audio(tmp_path / "2.wav", rate=16_000)
    rows = [["path", "label", "sample_rate"], ["1.wav", "a", 16_000], ["2.wav", "a", 16_000]]
    found = AudioCache(read_manifest(write_csv(tmp_path / "m.csv", rows)), RATE, tmp_path / "cache")
    assert found.rejected == (Rejected("1.wav", "the manifest says 16000 Hz, the file says 8000 Hz"),)


def test_a_recording_that_vanishes_after_reading_is_a_reason(small, tmp_path):
    small.clips[0].path.unlink()
    assert AudioCache(small, RATE, tmp_path / "cache").rejected[0].reason == "No such file or directory"


def test_nothing_usable_is_an_error(small, tmp_path):
    with pytest.raises(DataError, match=r"all 1 were left out, the first, yes/1b\.wav: not a WAV"):
        AudioCache(small.where(lambda clip: clip.id == "yes/1b.wav"), RATE, tmp_path / "cache")


def test_impossible_rates_and_folders(small, tmp_path):
    with pytest.raises(BadConfigError, match="0 Hz"):
        AudioCache(small, 0, tmp_path / "cache")
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadFileError, match="EDGEKIT_CACHE"):
        AudioCache(small, RATE, tmp_path / "file")


def test_a_pickled_cache_maps_the_same_file_and_holds_no_samples(small, tmp_path):
    cache = AudioCache(small, RATE, tmp_path / "cache")
    text = pickle.dumps(cache)
    assert cache.clip(3).tobytes() not in text
    assert np.array_equal(pickle.loads(text).clip(3), cache.clip(3))


def test_the_folder_is_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("EDGEKIT_CACHE")
    assert cache_folder().name == "edgekit"


@pytest.mark.parametrize("damage", ["half_line", "garbage", "lost_tail", "extra_pcm"])
def test_a_damaged_cache_mends_itself(damage, small, tmp_path):
    whole = AudioCache(small, RATE, tmp_path / "cache")
    expected = [whole.clip(i).copy() for i in range(4)]
    del whole
    journal = next((tmp_path / "cache").rglob("journal.jsonl"))
    pack = journal.with_name("pack.i16")
    if damage == "half_line":
        journal.write_bytes(journal.read_bytes()[:-20])
    elif damage == "garbage":
        journal.write_bytes(journal.read_bytes()[:100] + b"\xff\n" + journal.read_bytes()[100:])
    elif damage == "lost_tail":
        os.truncate(pack, 3000)
    else:
        pack.write_bytes(pack.read_bytes() + b"abc")
    again = AudioCache(small, RATE, tmp_path / "cache")
    assert all(np.array_equal(again.clip(i), expected[i]) for i in range(4))


BUILD = """
import sys
from pathlib import Path
from edgekit.data.cache import AudioCache
from edgekit.data.datasets import read_manifest
def show(what, done, total):
    print(what, done, flush=True)
AudioCache(read_manifest(sys.argv[1]), 16000, Path(sys.argv[2]), show)
"""


def start(source, folder):
    command = [sys.executable, "-c", BUILD, str(source), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_after(source, folder, lines):
    """Start a build and kill it as soon as it has reported progress ``lines`` times: after every few clips."""
    process = start(source, folder)
    seen = 0
    for line in process.stdout:
        seen += line.startswith("decoding")
        if seen == lines:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return process.returncode


@pytest.fixture
def many(write_audio, tmp_path):
    chance = np.random.default_rng(2)
    for number in range(400):
        pcm = (chance.normal(size=22_050) * 3000).astype(np.int16)
        write_audio(tmp_path / "many" / str(number % 4) / f"{number}.flac", pcm, 44_100, subtype="PCM_16")
    (tmp_path / "many" / "0" / "broken.wav").write_text("text")
    return tmp_path / "many"


def test_a_killed_build_resumes_to_the_same_bytes(many, tmp_path):
    assert start(many, tmp_path / "whole").wait() == 0
    killed = [kill_after(many, tmp_path / "cut", lines) for lines in (30, 20, 20)]
    assert killed == [-signal.SIGKILL] * 3
    journals = [next((tmp_path / name).rglob("journal.jsonl")).read_bytes() for name in ("cut", "whole")]
    assert 0 < len(journals[0]) < len(journals[1])
    assert start(many, tmp_path / "cut").wait() == 0
    assert digests(tmp_path / "cut") == digests(tmp_path / "whole")


def test_a_full_disk_is_said_and_costs_nothing(small, tmp_path):
    with largest_file(5000), pytest.raises(BadFileError, match=r"pack\.i16: no room left to write it"):
        AudioCache(small, RATE, tmp_path / "cache")
    AudioCache(small, RATE, tmp_path / "cache")
    AudioCache(small, RATE, tmp_path / "whole")
    assert digests(tmp_path / "cache") == digests(tmp_path / "whole")


def test_an_index_without_room_is_made_the_next_time(small, tmp_path, monkeypatch):
    AudioCache(small, RATE, tmp_path / "cache")
    monkeypatch.setattr(store_module, "_RACY_NS", -(10**18))
    with largest_file(100):  # the first of six lines is torn
        assert len(AudioCache(small, RATE, tmp_path / "cache")) == 4
    assert len(AudioCache(small, RATE, tmp_path / "cache")) == 4
    read = []
    monkeypatch.setattr(store_module, "digest_file", read.append)
    AudioCache(small, RATE, tmp_path / "cache")
    assert len(read) <= 1  # what was glued to the torn line


def test_two_builds_at_once_share_the_work(many, tmp_path):
    both = [start(many, tmp_path / "both") for _ in range(2)]
    assert [process.communicate()[1] for process in both] == [None, None]
    assert [process.returncode for process in both] == [0, 0]
    assert start(many, tmp_path / "one").wait() == 0
    assert digests(tmp_path / "both") == digests(tmp_path / "one")


@pytest.mark.parametrize("name", ["dspspeech", "fsdd", "esc10"])
def test_real_sets_decode_whole(data_root, tmp_path, name):
    manifest = read_manifest(data_root / name)
    cache = AudioCache(manifest, RATE, tmp_path / "cache")
    assert (len(cache), cache.rejected) == (len(manifest), ())
    for clip, length in zip(cache.manifest.clips, cache.lengths, strict=True):
        assert abs(length - clip.samples * RATE / clip.sample_rate) <= 1
