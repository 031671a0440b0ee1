"""Reading of device impulse responses: 24 bits, any rate, aligned, normalised."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from edgekit.core.errors import DataError
from edgekit.data.responses import cut_tail, load_responses, responses_folder


def _response(rate: int, delay: int) -> np.ndarray:
    """Silence, then a decaying 1 kHz oscillation."""
    time = np.arange(rate // 20) / rate
    return np.concatenate([np.zeros(delay), 0.5 * np.cos(2 * np.pi * 1000 * time) * np.exp(-time / 0.004)])


def test_responses_start_at_their_onset_with_energy_one(tmp_path) -> None:
    soundfile.write(tmp_path / "late.flac", _response(44_100, 300), 44_100, subtype="PCM_24")
    soundfile.write(tmp_path / "early.wav", _response(48_000, 3), 48_000, subtype="PCM_24")
    found = load_responses(tmp_path, 16_000)
    assert found.names == ("early", "late") and found.sample_rate == 16_000
    assert found.taps.dtype == np.float32 and len(found) == 2
    np.testing.assert_allclose(np.square(found.taps).sum(1), 1.0, atol=2e-4)
    # Resampling rings for a sample or two; both arrive at the start, whatever their delay was.
    assert np.abs(found.taps).argmax(1).max() <= 3
    # The same device at two rates is the same response.
    one, two = (np.abs(np.fft.rfft(row, 4096)) for row in found.taps)
    np.testing.assert_allclose(20 * np.log10(one[100:1000] / two[100:1000]), 0.0, atol=1.0)


def test_twenty_four_bits_are_kept(tmp_path) -> None:
    signal = np.zeros(100)
    signal[[0, 20]] = 0.5, 2.0**-20  # the second is below one step of 16 bits
    soundfile.write(tmp_path / "a.wav", signal, 16_000, subtype="PCM_24")
    kept = load_responses(tmp_path, 16_000).taps[0]
    assert len(kept) == 1  # and 114 dB below the peak, so it is cut off as tail
    soundfile.write(tmp_path / "a.wav", np.where(signal == 0.5, 2.0**-10, signal), 16_000, subtype="PCM_24")
    np.testing.assert_allclose(load_responses(tmp_path, 16_000).taps[0][20], 2.0**-10, rtol=1e-3)


def test_the_tail_below_the_limit_is_cut() -> None:
    response = (10.0 ** (-np.arange(200) / 10.0)).astype(np.float32)  # 2 dB a sample
    kept = len(cut_tail(response, -80.0))
    assert 39 <= kept <= 41  # 40 samples of 2 dB


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "holds no impulse response"),
        (lambda folder: soundfile.write(folder / "a.wav", np.zeros(50), 16_000), "silent"),
        (lambda folder: soundfile.write(folder / "a.wav", np.ones(20_000), 16_000), "too long"),
        (lambda folder: (folder / "a.wav").write_text("no sound"), "not a WAV"),
    ],
)
def test_what_is_no_response_is_an_error(make, message, tmp_path) -> None:
    make(tmp_path)
    with pytest.raises(DataError, match=message):
        load_responses(tmp_path, 16_000)


def test_all_measured_microphones_are_read(data_root) -> None:
    found = load_responses(data_root / "mic_irs", 16_000)
    assert len(found) == 66
    assert np.abs(found.taps).argmax(1).max() <= 32  # within two milliseconds
    np.testing.assert_allclose(np.square(found.taps).sum(1), 1.0, atol=1e-3)


def test_a_relative_folder_lies_among_the_data_sets(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("EDGEKIT_DATA", str(tmp_path / "sets"))
    assert responses_folder("mic_irs") == tmp_path / "sets" / "mic_irs"
    assert responses_folder(str(tmp_path / "mine")) == tmp_path / "mine"
