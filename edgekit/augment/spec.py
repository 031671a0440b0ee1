"""``[augment]`` of a recipe: what is done to training clips, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekit.core.errors import BadConfigError
from edgekit.core.limits import check_limits as _check


@dataclass(frozen=True, kw_only=True)
class Augment:
    """``[augment]``: what is done to each training clip, drawn anew for each clip and step. 0 switches a part off.

    On the waveform:

    Attributes:
        shift_ms: the clip starts up to this much earlier or later; silence comes in.
        roll_ms: the clip is rolled by up to this much either way; what leaves at one end comes in at the other.
        speed: resampled by a factor from 1/(1+speed) to 1+speed, so pitch, formants and tempo move together.
        gain_db: louder or softer by up to this.
        noise_probability: share of clips with noise mixed in: white to brown, or stretches of the clips whose label
            is a silence label, at a signal-to-noise ratio from ``noise_snr_db``.
        noise_snr_db: (lowest, highest).
        impulse_probability: share of the clips of ``impulse_device`` that are convolved with the impulse response of
            another device (DIR; 0.4 to 0.6 in the literature).
        impulse_responses: folder of these responses; a relative one lies in the folder of data sets, EDGEKIT_DATA.
        impulse_device: which clips: of this device ("a" in TAU), of several ("a,b"), or of "all".

    On the features:

    Attributes:
        stretch: duration times a factor from 1/(1+stretch) to 1+stretch, pitch kept.
        formant_warp: frequencies times a factor from 1/(1+warp) to 1+warp, duration kept (vocal tract length).
        equaliser_db: a random smooth curve over the mel bins of up to this many dB, as another microphone has it.
        mixstyle_probability, mixstyle_alpha: share of batches in which each clip takes over part of another's mean and
            deviation of every bin (Freq-MixStyle), and the Beta parameter.
        mixstyle_over: "time" takes mean and deviation of every bin over time (Freq-MixStyle), "all" those of the whole
            clip (MixStyle).
        trim_probability: share of clips whose edges are silenced up to the first, and from the last, frame whose
            loudest bin lies less than a threshold below the clip's, see :mod:`edgekit.augment.trim`.
        trim_db: (lowest, highest) of that threshold in dB.
        time_masks, time_mask_frames, frequency_masks, frequency_mask_bins: SpecAugment; widths are drawn from 0 to
            the given one and filled with the features' mean.
        mixup_probability, mixup_alpha: share of batches in which clips are mixed in pairs, and the Beta parameter.
    """

    shift_ms: float = 0.0
    roll_ms: float = 0.0
    speed: float = 0.0
    gain_db: float = 0.0
    noise_probability: float = 0.0
    noise_snr_db: tuple[float, float] = (5.0, 30.0)
    impulse_probability: float = 0.0
    impulse_responses: str = ""
    impulse_device: str = "a"
    stretch: float = 0.0
    formant_warp: float = 0.0
    equaliser_db: float = 0.0
    mixstyle_probability: float = 0.0
    mixstyle_alpha: float = 0.4
    mixstyle_over: Literal["time", "all"] = "time"
    trim_probability: float = 0.0
    trim_db: tuple[float, float] = (12.0, 45.0)
    time_masks: int = 0
    time_mask_frames: int = 0
    frequency_masks: int = 0
    frequency_mask_bins: int = 0
    mixup_probability: float = 0.0
    mixup_alpha: float = 0.3

    def __post_init__(self) -> None:
        _check("augment", shift_ms=(self.shift_ms, 0.0, 60_000.0), gain_db=(self.gain_db, 0.0, 60.0))
        _check("augment", roll_ms=(self.roll_ms, 0.0, 60_000.0))
        _check("augment", speed=(self.speed, 0.0, 1.0), stretch=(self.stretch, 0.0, 1.0))
        _check("augment", formant_warp=(self.formant_warp, 0.0, 1.0), equaliser_db=(self.equaliser_db, 0.0, 60.0))
        _check("augment", noise_probability=(self.noise_probability, 0.0, 1.0))
        _check("augment", impulse_probability=(self.impulse_probability, 0.0, 1.0))
        _check(
            "augment", mixup_probability=(self.mixup_probability, 0.0, 1.0), mixup_alpha=(self.mixup_alpha, 1e-3, 100)
        )
        _check("augment", trim_probability=(self.trim_probability, 0.0, 1.0))
        if not 0.0 <= self.trim_db[0] <= self.trim_db[1]:
            raise BadConfigError("trim_db is no range of depths", where="augment", mend="write [lowest, highest]")
        _check("augment", mixstyle_probability=(self.mixstyle_probability, 0.0, 1.0))
        _check("augment", mixstyle_alpha=(self.mixstyle_alpha, 1e-3, 100))
        for name in ("time_masks", "time_mask_frames", "frequency_masks", "frequency_mask_bins"):
            _check("augment", **{name: (getattr(self, name), 0, 10_000)})
        if self.noise_snr_db[0] > self.noise_snr_db[1]:
            raise BadConfigError("noise_snr_db runs backwards", where="augment", mend="write [lowest, highest]")
        if self.impulse_probability and not self.impulse_responses:
            mend = 'name the folder of responses: augment.impulse_responses="mic_irs"'
            raise BadConfigError("impulse_probability is set without any responses", where="augment", mend=mend)
