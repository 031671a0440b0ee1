import numpy as np
import pytest

from edgekit.core.errors import DataError
from edgekit.data.synth import acoustics, noise
from edgekit.data.synth.config import SynthConfig
from edgekit.data.synth.espeak import trim
from edgekit.data.synth.plan import Take
from edgekit.data.synth.studio import Studio, generator

RATE = 16_000


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("kind", "slope"), [("white", 0.0), ("pink", -3.0), ("brown", -6.0)])
def test_coloured_noise_falls_by_its_slope_in_db_an_octave(kind, slope):
    signal = noise.coloured(kind, 1 << 18, RATE, chance())
    power = np.abs(np.fft.rfft(signal)) ** 2
    frequency = np.fft.rfftfreq(len(signal), 1 / RATE)
    octaves = [power[(frequency >= f) & (frequency < 2 * f)].mean() for f in (100, 200, 400, 800, 1600, 3200)]
    measured = np.polyfit(np.arange(6), 10 * np.log10(octaves), 1)[0]
    assert abs(measured - slope) < 0.3


def test_hum_has_its_energy_at_harmonics_of_the_mains():
    signal = noise.hum(RATE * 4, RATE, chance())
    power = np.abs(np.fft.rfft(signal * np.hanning(len(signal)))) ** 2
    strongest = np.fft.rfftfreq(len(signal), 1 / RATE)[np.argmax(power)]
    assert any(abs(strongest - mains * order) < 1.5 for mains in (50, 60) for order in range(1, 5))


@pytest.mark.parametrize("make", ["white", "hum", "babble"])
def test_noises_have_unit_rms_and_the_wanted_length(make):
    words = [chance(i).standard_normal(5000).astype(np.float32) for i in range(3)]
    for samples in (4000, 16_001):
        signal = {
            "white": lambda n=samples: noise.coloured("white", n, RATE, chance()),
            "hum": lambda n=samples: noise.hum(n, RATE, chance()),
            "babble": lambda n=samples: noise.babble(n, words, chance()),
        }[make]()
        assert (len(signal), signal.dtype) == (samples, np.float32)
        assert abs(np.sqrt(np.mean(signal.astype(float) ** 2)) - 1) < 1e-3


def test_recorded_noise_of_a_split_comes_from_its_part_of_the_recording():
    ramp = np.arange(1.0, 10_001.0, dtype=np.float32)
    found = {}
    for split in ("train", "validation", "test"):
        cuts = [noise.recorded(ramp, split, (0.7, 0.15, 0.15), 500, chance(i)) for i in range(30)]
        # scaled to unit RMS: a ramp from a to a + 499 is known by the ratio of its ends
        starts = [499 * cut[0] / (cut[-1] - cut[0]) for cut in cuts]
        found[split] = (min(starts), max(starts) + 499)
    assert found["train"][1] <= 7001
    assert found["validation"][0] >= 7000 - 5 and found["validation"][1] <= 8501 + 5
    assert found["test"][0] >= 8500 - 5


def test_recorded_noise_that_is_too_short_is_looped():
    cut = noise.recorded(np.array([1, -1, 2, -2], np.float32), "train", (0.7, 0.15, 0.15), 100, chance())
    assert len(cut) == 100


def test_a_room_starts_with_the_direct_sound_and_decays():
    for seed in range(8):
        response = acoustics.room_response(chance(seed), RATE)
        assert response[0] == pytest.approx(1.0, abs=0.5)  # a reflection may fall on the same sample
        energy = np.cumsum(response[::-1].astype(float) ** 2)[::-1]
        assert energy[len(energy) // 2] < 0.25 * energy[0]
        assert np.isfinite(response).all()


def test_image_sources_against_a_hand_count():
    """Source and ear at known places of a room: the direct path and the six first reflections."""
    size, source, ear = np.array([5.0, 4.0, 3.0]), np.array([1.0, 1.0, 1.0]), np.array([3.0, 1.0, 1.0])
    delay, gain = acoustics._images(size, source, ear, 0.5)
    mirrors = [(-1, 1, 1), (9, 1, 1), (1, -1, 1), (1, 7, 1), (1, 1, -1), (1, 1, 5)]
    distances = [2.0, *(float(np.linalg.norm(np.array(m) - ear)) for m in mirrors)]
    for distance, reflections in zip(distances, [0, 1, 1, 1, 1, 1, 1], strict=True):
        at = np.isclose(delay, distance / 343.0) & np.isclose(gain, 0.5**reflections / distance)
        assert at.any(), distance


def test_minimum_phase_keeps_the_magnitude_and_puts_the_energy_first():
    magnitude = 1.0 + 0.8 * np.cos(np.linspace(0, 6, 1025)) ** 2
    response = acoustics.minimum_phase(magnitude)
    found = np.abs(np.fft.rfft(response, 2048))
    assert np.abs(found - magnitude).max() < 0.01
    energy = np.cumsum(response.astype(float) ** 2)
    assert energy[8] > 0.9 * energy[-1]


def test_microphones_differ_and_have_gain_1_at_1_khz():
    responses = [acoustics.microphone_response(chance(seed), RATE) for seed in range(4)]
    gains = [abs(np.sum(r * np.exp(-2j * np.pi * 1000 / RATE * np.arange(len(r))))) for r in responses]
    assert gains == pytest.approx([1.0] * 4, abs=0.05)
    assert not np.allclose(responses[0], responses[1], atol=0.01)


def test_convolve_equals_numpy():
    a, b = chance(1).standard_normal(700).astype(np.float32), chance(2).standard_normal(31).astype(np.float32)
    assert np.abs(acoustics.convolve(a, b) - np.convolve(a, b)).max() < 1e-4


def test_trim_takes_off_the_quiet_but_for_a_margin():
    pcm = np.zeros(5000, np.int16)
    pcm[2000:3000] = 1000
    assert len(trim(pcm, 22_050)) == 1000 + 2 * 220 - 1
    assert len(trim(np.zeros(100, np.int16), 22_050)) == 0


def take(**changes) -> Take:
    plain = {
        "path": "yes/x.flac",
        "label": "yes",
        "split": "train",
        "text": "yes",
        "voice": "en+f1",
        "speaker": "en+f1",
        "speed": 150,
        "pitch": 50,
        "pitch_range": 50,
        "place": 0.5,
        "level_db": -20.0,
        "noise": "none",
        "snr_db": 10.0,
        "room": -1,
        "device": "flat",
    }
    return Take(**{**plain, **changes})


@pytest.fixture
def studio(tmp_path, write_audio):
    """One microphone that changes nothing."""
    impulse = np.zeros(64)
    impulse[0] = 0.9
    write_audio(tmp_path / "mics" / "flat.wav", impulse)
    return Studio(SynthConfig(words=("yes",), microphone_folder=tmp_path / "mics"))


WORD = np.sin(2 * np.pi * 300 * np.arange(4000) / RATE).astype(np.float32)


def test_a_clean_word_has_its_level_and_lies_in_its_place(studio):
    for place, start in ((0.0, 0), (0.5, 6000), (1.0, 12_000)):
        clip = studio.render(take(place=place), WORD, [])
        assert (len(clip), clip.dtype) == (16_000, np.int16)
        loud = np.flatnonzero(np.abs(clip.astype(int)) > 10)
        assert abs(loud[0] - start) < 5 and abs(loud[-1] - (start + 3999)) < 5
        rms = np.sqrt(np.mean((clip[start : start + 4000] / 32768) ** 2))
        assert 20 * np.log10(rms) == pytest.approx(-20, abs=0.05)


@pytest.mark.parametrize("snr", [0.0, 10.0, 20.0])
def test_the_signal_to_noise_ratio_is_what_was_planned(snr, studio):
    clean = studio.render(take(), WORD, []) / 32768
    noisy = studio.render(take(noise="pink", snr_db=snr), WORD, []) / 32768
    background = np.sqrt(np.mean((noisy - clean) ** 2))
    speech = np.sqrt(np.mean(clean[6000:10_000] ** 2))
    assert 20 * np.log10(speech / background) == pytest.approx(snr, abs=0.1)


def test_a_room_makes_the_word_longer(studio):
    dry, wet = studio.render(take(place=0.0), WORD, []), studio.render(take(place=0.0, room=3), WORD, [])
    after = slice(4200, 6000)
    assert np.abs(wet[after].astype(int)).max() > 50 > np.abs(dry[after].astype(int)).max()


def test_nothing_is_clipped(studio):
    loud = studio.render(take(level_db=0.0, noise="white", snr_db=-5.0), WORD, [])
    assert 30_000 < np.abs(loud.astype(int)).max() < 32_767


def test_random_numbers_depend_on_the_name_and_seed():
    config = SynthConfig(words=("yes",))
    assert generator(config, "a").integers(1 << 30) == generator(config, "a").integers(1 << 30)
    assert generator(config, "a").integers(1 << 30) != generator(config, "b").integers(1 << 30)


@pytest.mark.parametrize("content", ["nothing", "text", "silence"])
def test_an_unusable_folder_of_recordings_is_an_error(content, tmp_path, write_audio):
    folder = tmp_path / "noise"
    folder.mkdir()
    if content == "text":
        (folder / "a.wav").write_text("text")
    if content == "silence":
        write_audio(folder / "a.wav", np.zeros(1000))
    message = {"nothing": "holds no background noise", "text": "not a WAV", "silence": "is silent"}[content]
    with pytest.raises(DataError, match=message):
        Studio(SynthConfig(words=("yes",), noise_folder=folder))
