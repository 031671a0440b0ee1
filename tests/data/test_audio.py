import io
import random
import shutil

import numpy as np
import pytest
import soundfile

from edgekit.core.errors import BadFileError
from edgekit.data.audio import decode, probe, probe_manifest, to_int16
from edgekit.data.datasets import read_manifest
from edgekit.data.inspect.survey import survey_manifest
from edgekit.data.manifest import Clip, Manifest, Rejected

RATE = 16_000


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, (samples, channels)).astype(np.int16)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff"])
def test_16_bit_mono_at_its_own_rate_comes_back_bit_for_bit(suffix, write_audio, tmp_path):
    pcm = noise(5000)[:, 0]
    path = write_audio(tmp_path / f"a.{suffix}", pcm, subtype="PCM_16")
    assert np.array_equal(decode(path, RATE), pcm)
    assert decode(path, RATE).dtype == np.int16


@pytest.mark.parametrize("bits", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_every_bit_depth_is_close_to_the_signal(bits, write_audio, tmp_path):
    signal = 0.4 * np.sin(np.arange(4000) / 7)
    pcm = decode(write_audio(tmp_path / "a.wav", signal, subtype=bits), RATE) / 32768
    assert np.abs(pcm - signal).max() < (0.02 if bits in ("PCM_U8", "ULAW") else 1e-4)


def test_24_bit_is_rounded_to_nearest(write_audio, tmp_path):
    values = np.array([256, 127, 129, -127, -129, 256 * 100 + 200], np.int32)
    path = write_audio(tmp_path / "a.wav", values << 8, subtype="PCM_24")
    assert decode(path, RATE).tolist() == [1, 0, 1, 0, -1, 101]


def test_channels_are_averaged(write_audio, tmp_path):
    pcm = noise(3000, 3)
    path = write_audio(tmp_path / "a.wav", pcm, subtype="PCM_16")
    assert np.abs(decode(path, RATE) - pcm.mean(axis=1)).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_resampling_keeps_a_tone(rate, write_audio, tmp_path):
    """The oracle is the tone itself, away from the edges, at -60 dB or better."""
    path = write_audio(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate), rate)
    pcm = decode(path, RATE) / 32768
    assert abs(len(pcm) - RATE) <= 1
    inner = slice(1000, 15_000)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(len(pcm)) / RATE)
    assert np.abs(pcm - expected)[inner].max() < 5e-4


def test_what_lies_above_the_new_band_is_gone(write_audio, tmp_path):
    path = write_audio(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 7000 * np.arange(44_100) / 44_100), 44_100)
    pcm = decode(path, 8000)
    assert np.abs(pcm[500:-500]).max() <= 20


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg(subtype, write_audio, tmp_path):
    signal = 0.3 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    path = write_audio(tmp_path / "a.ogg", signal, 48_000, format="OGG", subtype=subtype)
    pcm = decode(path, RATE) / 32768
    assert np.abs(np.sqrt(np.mean(pcm[2000:-2000] ** 2)) - 0.3 / np.sqrt(2)) < 0.01


def test_a_stretch_is_cut_in_samples_of_the_file(write_audio, tmp_path):
    pcm = noise(5000)[:, 0]
    path = write_audio(tmp_path / "a.flac", pcm, subtype="PCM_16")
    assert np.array_equal(decode(path, RATE, start=100, samples=50), pcm[100:150])
    assert np.array_equal(decode(path, RATE, start=4900), pcm[4900:])
    with pytest.raises(BadFileError, match="too short: samples 4990 to 5010 are wanted, it has 5000"):
        decode(path, RATE, start=4990, samples=20)
    with pytest.raises(BadFileError, match="too short"):
        decode(path, RATE, start=5000)


def test_values_beyond_full_scale_are_clipped():
    assert to_int16(np.array([1.5, -1.5, 1.0, -1.0, 0.0], np.float32)).tolist() == [32767, -32768, 32767, -32768, 0]


def broken(tmp_path, write_audio):
    """Name of the fault → file and a part of the reason."""
    good = write_audio(tmp_path / "good.wav", noise(20_000)[:, 0], subtype="PCM_16").read_bytes()
    flac = write_audio(tmp_path / "good.flac", noise(40_000)[:, 0], subtype="PCM_16").read_bytes()
    infinite = np.full(1000, 0.1, np.float32)
    infinite[7] = np.nan
    cases = {
        "empty": (b"", "empty file"),
        "text": (b"this is a shopping list, not audio", "not a WAV, FLAC, Ogg or AIFF"),
        "zero_seconds": (write_audio(tmp_path / "zero.wav", np.zeros(0)).read_bytes(), "no samples"),
        "cut_wav": (good[:9000], "truncated: 8,956 of 40,000 bytes"),
        "cut_flac": (flac[: len(flac) // 2], "damaged|truncated"),
        "header_only": (good[:30], "without samples|damaged"),
        "magic_only": (b"RIFF\xff\xff\xff\xffWAVE", "without samples"),
        "ogg_rubbish": (b"OggS" + b"\xa5" * 4000, "damaged header"),
        "flac_rubbish": (b"fLaC" + b"\x00" * 4000, "damaged header"),
        "nan": (write_audio(tmp_path / "nan.wav", infinite, subtype="FLOAT").read_bytes(), "not finite"),
        "raw": (b"\x01\x02" * 500, "not a WAV"),
        "low_rate": (write_audio(tmp_path / "low.wav", noise(100)[:, 0], 200).read_bytes(), "200 Hz, the limits"),
    }
    for name, (content, reason) in cases.items():
        path = tmp_path / f"{name}.wav"
        path.write_bytes(content)
        yield name, path, reason


def test_every_broken_file_ends_in_one_reason(write_audio, tmp_path):
    names = []
    for name, path, reason in broken(tmp_path, write_audio):
        with pytest.raises(BadFileError, match=reason):
            decode(path, RATE)
        names.append(name)
    assert len(names) == 12


FORMATS = (
    *(("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16")),
    *(("OGG", "VORBIS"), ("OGG", "OPUS"), ("AIFF", "PCM_16")),
)


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
@pytest.mark.filterwarnings("error")
def test_damage_anywhere_ends_in_samples_or_a_reason_and_nothing_else(container, subtype, tmp_path, capfd):
    out = io.BytesIO()
    soundfile.write(out, noise(3000, 2), 48_000, format=container, subtype=subtype)
    chance = random.Random(f"{container} {subtype}")
    outcomes = set()
    for _ in range(150):
        content = bytearray(out.getvalue())
        if chance.random() < 0.3:
            content = content[: chance.randrange(len(content))]
        for _ in range(chance.choice([0, 1, 3, 10])):
            if content:
                content[chance.randrange(min(len(content), chance.choice([60, 10_000])))] = chance.randrange(256)
        path = tmp_path / "x.wav"
        path.write_bytes(content)
        try:
            pcm = decode(path, RATE)
            outcomes.add((pcm.dtype, len(pcm) > 0))
        except BadFileError as error:
            outcomes.add(bool(error.what))
    assert outcomes == {(np.dtype(np.int16), True), True}
    assert capfd.readouterr().err == ""


def test_floats_of_any_size_are_full_scale(write_audio, tmp_path):
    values = np.array([[3e38, 3e38], [-3e38, -3e38], [0.5, 0.5], [2.0, 2.0]], np.float32)
    path = write_audio(tmp_path / "a.wav", values, subtype="FLOAT")
    assert decode(path, RATE).tolist() == [32767, -32768, 16384, 32767]


def test_a_folder_and_a_missing_file_are_bad_files(tmp_path):
    for path in (tmp_path, tmp_path / "gone.wav"):
        with pytest.raises(BadFileError, match="cannot read"):
            probe(path)


def test_a_header_that_promises_hours_is_refused_before_anything_is_decoded(write_audio, tmp_path):
    path = write_audio(tmp_path / "long.wav", np.zeros(100, np.int16), 1000, subtype="PCM_U8")
    content = bytearray(path.read_bytes())
    size = 3 * 3600 * 1000
    at = content.index(b"data")
    content[at + 4 : at + 8] = size.to_bytes(4, "little")
    content[4:8] = (size + 36).to_bytes(4, "little")
    with path.open("wb") as out:
        out.write(content)
        out.truncate(at + 8 + size)  # sparse: three hours of nothing
    with pytest.raises(BadFileError, match=r"3\.0 hours, the limit is 2"):
        probe(path)


def test_probe_reads_the_header(write_audio, tmp_path):
    info = probe(write_audio(tmp_path / "a.flac", noise(1234, 2), 44_100))
    assert (info.sample_rate, info.samples, info.channels, info.container) == (44_100, 1234, 2, "FLAC")


def test_probe_manifest_fills_in_and_rejects(write_audio, tmp_path):
    good = write_audio(tmp_path / "good.wav", rate=8000)
    (tmp_path / "bad.wav").write_text("text")
    clips = (
        Clip("good.wav", good, "a"),
        Clip("good.wav@1000", good, "a", start=1000),
        Clip("good.wav@3999", good, "a", start=3999, samples=2),
        Clip("rate", good, "a", sample_rate=16_000),
        Clip("bad.wav", tmp_path / "bad.wav", "a"),
    )
    found = probe_manifest(Manifest("set", tmp_path, clips, ("a",)))
    assert [(c.sample_rate, c.samples) for c in found.clips] == [(8000, 4000), (8000, 3000)]
    assert [item.path for item in found.rejected] == ["good.wav@3999", "rate", "bad.wav"]
    assert found.rejected[1].reason == "the manifest says 16000 Hz, the file says 8000 Hz"


def test_a_survey_finds_silence_and_damage_but_leaves_the_class_silence(write_audio, tmp_path):
    write_audio(tmp_path / "yes" / "1.wav")
    write_audio(tmp_path / "yes" / "2.wav", np.zeros(8000))
    write_audio(tmp_path / "yes" / "3.wav", np.full(8000, 0.25))
    write_audio(tmp_path / "silence" / "4.wav", np.zeros(8000))
    flac = write_audio(tmp_path / "yes" / "5.flac", noise(40_000)[:, 0])
    flac.write_bytes(flac.read_bytes()[:30_000])
    found = survey_manifest(read_manifest(tmp_path)).manifest
    assert [clip.id for clip in found.clips] == ["silence/4.wav", "yes/1.wav"]
    assert found.rejected[:2] == (
        Rejected("yes/2.wav", "silent: the samples do not move"),
        Rejected("yes/3.wav", "silent: the samples do not move"),
    )
    assert found.rejected[2].path == "yes/5.flac"


def test_the_name_does_not_decide_what_a_file_is(write_audio, tmp_path):
    flac = write_audio(tmp_path / "a.flac", noise(1000)[:, 0], subtype="PCM_16")
    shutil.copy(flac, tmp_path / "b.wav")
    assert np.array_equal(decode(tmp_path / "b.wav", RATE), noise(1000)[:, 0])


@pytest.mark.parametrize("name", ["fsdd", "dspspeech", "esc10"])
def test_real_recordings_equal_soundfile_at_their_own_rate(data_root, name):
    for clip in read_manifest(data_root / name).clips[::97]:
        expected, rate = soundfile.read(clip.path, dtype="int16")
        found = decode(clip.path, rate)
        assert np.abs(found.astype(int) - expected).max() <= (1 if clip.path.suffix == ".ogg" else 0)
