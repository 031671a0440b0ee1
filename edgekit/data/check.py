"""Decode every clip once, to find the broken and silent ones; nothing is stored."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from edgekit.core.errors import BadFileError
from edgekit.core.progress import Progress, silent
from edgekit.data.audio import SILENT, SILENT_RANGE, decode, probe_manifest, signal_range
from edgekit.data.manifest import SILENCE_LABELS, Clip, Manifest, Rejected


def check_manifest(manifest: Manifest, progress: Progress = silent) -> Manifest:
    """The manifest with lengths and rates filled in, less the clips that cannot be decoded or are silent."""
    probed = probe_manifest(manifest, progress)
    rejected = []
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for done, (clip, reason) in enumerate(zip(probed.clips, pool.map(_fault, probed.clips), strict=True)):
            progress("decoding", done + 1, len(probed.clips))
            if reason:
                rejected.append(Rejected(clip.id, reason))
    return probed.without(rejected, {item.path for item in rejected})


def _fault(clip: Clip) -> str:
    try:
        pcm = decode(clip.path, clip.sample_rate, clip.start, clip.samples)
    except BadFileError as error:
        return error.what
    silent_clip = signal_range(pcm) <= SILENT_RANGE and clip.label not in SILENCE_LABELS
    return SILENT if silent_clip else ""
