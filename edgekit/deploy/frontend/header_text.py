"""The public header of a front-end: what it says of clips, and what of streams."""

from __future__ import annotations

import string
from collections.abc import Mapping

from edgekit.deploy.frontend.emit import fill

_CLIP = {
    "of_what": "",
    "makes": "model input out",
    "clip_macro": "#define ${NAME}_FRONTEND_CLIP_SAMPLES ${clip_samples}\n",
    "shape_macros": "#define ${NAME}_FRONTEND_HEIGHT ${height}\n#define ${NAME}_FRONTEND_WIDTH ${width}\n",
    "counters": (
        "    int32_t count;                          /* samples of the clip seen so far */\n"
        "    int32_t frame;                          /* frames of the clip written so far */\n"
    ),
    "init": "Begin a clip.",
    "push": """\
Take up to `n` samples, but none past the end of the clip.
 *
 * Writes every frame that these samples complete into `features`: ${height}x${width} values, ${layout_text}.
 * Pass the same `features` until the clip ends. Any division of a clip into pushes gives the same values.
 * Sets `*ready` to 1 when the clip's last sample was taken: then all of `features` is written and the next
 * sample begins a new clip; otherwise to 0.""",
}
_STREAM = {
    "of_what": " of a stream",
    "makes": "a frame a hop out",
    "clip_macro": "",
    "shape_macros": "",
    "counters": (
        "    int32_t count;                          /* number of the next sample */\n"
        "    int32_t frame;                          /* 0: a frame is all of `features` */\n"
        "    int32_t start;                          /* number of the next frame's first sample */\n"
    ),
    "init": "Begin a stream: what lies before it is silence.",
    "push": """\
Take samples up to the end of the next frame, whose window ends with every hop of ${hop_length} samples.
 *
 * Writes a frame of ${size} values into `features` and sets `*ready` to 1 when it took the frame's last sample,
 * otherwise sets it to 0. Any division of a stream into pushes gives the same values; a stream may go on for ever.""",
}


def header_text(values: Mapping[str, object], *, stream: bool) -> str:
    """Text of ``<name>_frontend.h``.

    Args:
        values: of the template's placeholders.
        stream: a frame a hop instead of clips.
    """
    texts = {key: string.Template(text).substitute(values) for key, text in (_STREAM if stream else _CLIP).items()}
    return fill("header.h", {**values, **texts})
