"""Describe audio front-ends and draw what they make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgekit.features.reference import features
from edgekit.features.spec import FrontendSpec
from edgekit.features.spec_file import load_spec


def describe_spec(spec: FrontendSpec) -> dict[str, Any]:
    """A spec with what follows from it: shape, digest, empty triangles, memory of the generated C (None without)."""
    from edgekit.deploy.frontend.generate import generate_frontend
    from edgekit.features.mel import mel_filterbank

    wavelets = spec.kind == "scalogram"
    sources = None if wavelets else generate_frontend(spec, "front")
    empty = 0 if wavelets else int(np.count_nonzero(mel_filterbank(spec).sum(axis=1) == 0.0))
    return {
        "schema_version": 1,
        "spec": spec.to_json(),
        "digest": spec.digest,
        "frames": spec.frames,
        "bins": spec.bins,
        "input_shape": list(spec.input_shape),
        "empty_mel_bins": empty,
        "c_state_bytes": sources.state_bytes if sources else None,
        "c_table_bytes": sources.table_bytes if sources else None,
    }


def plot_features(spec: FrontendSpec | str | Path, audio: str | Path, output: str | Path) -> None:
    """Draw the features of the first clip of a recording as a picture (.png, .svg, .pdf by the name of ``output``).

    Raises:
        BadFileError: not audio, or the picture cannot be written.
        BadConfigError: bad spec, or no picture format of that name.
        MissingDependencyError: matplotlib is not installed.
    """
    from edgekit.data.audio import decode
    from edgekit.report.spectrogram import write_picture

    front = spec if isinstance(spec, FrontendSpec) else load_spec(spec)
    values = features(front, decode(Path(audio), front.sample_rate)[: front.clip_samples])
    image = values if front.layout == "freq_time" else values.T
    hop = front.hop_length / front.sample_rate
    label = {"mfcc": "coefficient", "scalogram": "wavelet"}.get(front.kind, "mel bin")
    write_picture(Path(output), image, hop, title=Path(audio).name, row_label=label)
