"""C11 of a detector: header and source, no heap, no float, the same integers as :class:`edgekit.detect.Detector`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.errors import BadConfigError
from edgekit.deploy.c.identifiers import comment_text, require_identifier
from edgekit.deploy.frontend.emit import table
from edgekit.detect.posterior import exponential_table
from edgekit.detect.settings import DetectorSettings


@dataclass(frozen=True)
class DetectorSources:
    """Generated text.

    Attributes:
        name: prefix of all public identifiers.
        header, source: text of ``<name>_detector.h`` and ``<name>_detector.c``.
    """

    name: str
    header: str
    source: str

    @property
    def files(self) -> dict[str, str]:
        """File name to text."""
        return {f"{self.name}_detector.h": self.header, f"{self.name}_detector.c": self.source}


def generate_detector(settings: DetectorSettings, scale: float, labels: Sequence[str], name: str) -> DetectorSources:
    """The C of a detector; thresholds and times stand in the header.

    Args:
        settings: how.
        scale: of the model's int8 output.
        labels: of the model's outputs, for comments.
        name: C identifier.

    Raises:
        BadConfigError: not one label an output, or a name that is no identifier.
    """
    require_identifier(name)
    if len(labels) != settings.outputs:
        raise BadConfigError(f"{len(labels)} labels for {settings.outputs} outputs", where="detector")
    return DetectorSources(name, _header(settings, labels, name), _source(settings, scale, name))


def _header(settings: DetectorSettings, labels: Sequence[str], name: str) -> str:
    upper = name.upper()
    words = "\n".join(
        f" *   {index}: {comment_text(labels[index])}, from a mean probability of {threshold} / 32768"
        for index, threshold in zip(settings.keywords, settings.thresholds, strict=True)
    )
    gate = "  int64_t floor;\n  int32_t open;\n  int32_t begun;\n" if settings.gate else ""
    gain = "  int32_t gain;\n" if settings.gain else ""
    functions = _declarations(settings, name)
    about = f"the mean of {settings.smoothing} decisions; {settings.refractory} decisions of rest after an event"
    return f"""/* Detector: {about}.
 * Words, by the model's output:
{words}
 */
#ifndef {upper}_DETECTOR_H
#define {upper}_DETECTOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define {upper}_DETECTOR_OUTPUTS {settings.outputs}
#define {upper}_DETECTOR_KEYWORDS {len(settings.keywords)}
#define {upper}_DETECTOR_SMOOTHING {settings.smoothing}
#define {upper}_DETECTOR_REFRACTORY {settings.refractory}

typedef struct {{
  int32_t ring[{settings.smoothing}][{len(settings.keywords)}];
  int32_t sums[{len(settings.keywords)}];
  int32_t place;
  int32_t heard;
  int32_t rest;
{gate}{gain}}} {name}_detector;

/* Before the first decision, and to forget everything. */
void {name}_detector_init({name}_detector *state);

/* One decision from the model's int8 outputs. Returns the output that was detected, or -1; *score, where not NULL, is
 * its mean probability in 1/32768. With an open_gate of 0 nothing is detected. */
int32_t {name}_detector_decide({name}_detector *state, const int8_t logits[{settings.outputs}], int open_gate,
                               int32_t *score);
{functions}
#ifdef __cplusplus
}}
#endif

#endif
"""


def _declarations(settings: DetectorSettings, name: str) -> str:
    text = ""
    if settings.gain:
        text += f"""
/* Amplifies a hop of n samples in place. */
void {name}_detector_gain({name}_detector *state, int16_t *pcm, size_t n);
"""
    if settings.gate:
        text += f"""
/* Hears a hop of n samples, n > 0; returns 1 while the voice gate is open. */
int {name}_detector_hear({name}_detector *state, const int16_t *pcm, size_t n);
"""
    return text


def _source(settings: DetectorSettings, scale: float, name: str) -> str:
    exponentials = table("uint16_t", "exponentials", exponential_table(scale))
    begin = "  state->gain = 256;\n" if settings.gain else ""
    return f"""#include "{name}_detector.h"

#include <string.h>

/* round(65535 * exp(-scale * d)): what an output d steps below the largest weighs. */
{exponentials}static const int32_t keywords[{len(settings.keywords)}] = {{{", ".join(map(str, settings.keywords))}}};
static const int32_t thresholds[{len(settings.keywords)}] = {{{", ".join(map(str, settings.thresholds))}}};

void {name}_detector_init({name}_detector *state) {{
  memset(state, 0, sizeof *state);
{begin}}}

static void add_posteriors({name}_detector *state, const int8_t *logits) {{
  int32_t largest = logits[0];
  uint32_t sum = 0;
  for (int32_t i = 1; i < {settings.outputs}; ++i) {{
    if (logits[i] > largest) {{
      largest = logits[i];
    }}
  }}
  for (int32_t i = 0; i < {settings.outputs}; ++i) {{
    sum += exponentials[largest - logits[i]];
  }}
  int32_t *old = state->ring[state->place];
  for (int32_t k = 0; k < {len(settings.keywords)}; ++k) {{
    const uint32_t weight = exponentials[largest - logits[keywords[k]]];
    const int32_t share = (int32_t)((weight << 15) / sum);
    state->sums[k] += share - old[k];
    old[k] = share;
  }}
  state->place = state->place + 1 < {settings.smoothing} ? state->place + 1 : 0;
  if (state->heard < {settings.smoothing}) {{
    state->heard += 1;
  }}
}}

int32_t {name}_detector_decide({name}_detector *state, const int8_t logits[{settings.outputs}], int open_gate,
                               int32_t *score) {{
  add_posteriors(state, logits);
  if (state->rest > 0) {{
    state->rest -= 1;
    return -1;
  }}
  if (state->heard < {settings.smoothing} || !open_gate) {{
    return -1;
  }}
  int32_t best = 0;
  int32_t most = INT32_MIN;
  for (int32_t k = 0; k < {len(settings.keywords)}; ++k) {{
    const int32_t over = state->sums[k] - thresholds[k] * {settings.smoothing};
    if (over > most) {{
      most = over;
      best = k;
    }}
  }}
  if (most < 0) {{
    return -1;
  }}
  if (score != NULL) {{
    *score = state->sums[best] / {settings.smoothing};
  }}
  memset(state->ring, 0, sizeof state->ring);
  memset(state->sums, 0, sizeof state->sums);
  state->heard = 0;
  state->rest = {settings.refractory};
  return keywords[best];
}}
{_gain(settings, name)}{_gate(settings, name)}"""


def _gain(settings: DetectorSettings, name: str) -> str:
    gain = settings.gain
    if gain is None:
        return ""
    return f"""
void {name}_detector_gain({name}_detector *state, int16_t *pcm, size_t n) {{
  int32_t peak = 0;
  for (size_t i = 0; i < n; ++i) {{
    const int32_t sample = pcm[i];
    const int32_t size = sample < 0 ? -sample : sample;
    /* rounded down for either sign: the offset makes the product positive before it is shifted */
    const uint32_t product = (uint32_t)(sample * state->gain + (INT32_C(1) << 30));
    const int32_t made = (int32_t)(product >> 8) - (INT32_C(1) << 22);
    pcm[i] = (int16_t)(made > 32767 ? 32767 : (made < -32768 ? -32768 : made));
    peak = size > peak ? size : peak;
  }}
  if (peak > 0) {{
    const int32_t fits = {gain.peak * 256} / peak;
    const int32_t wanted = fits < {gain.most} ? fits : {gain.most};
    const int32_t step = wanted - state->gain;
    if (step > 0) {{
      state->gain += (step + {(1 << gain.rise) - 1}) >> {gain.rise};
    }} else if (step < 0) {{
      state->gain -= (-step + {(1 << gain.fall) - 1}) >> {gain.fall};
    }}
  }}
}}
"""


def _gate(settings: DetectorSettings, name: str) -> str:
    gate = settings.gate
    if gate is None:
        return ""
    return f"""
int {name}_detector_hear({name}_detector *state, const int16_t *pcm, size_t n) {{
  int64_t energy = 0;
  for (size_t i = 0; i < n; ++i) {{
    energy += (int64_t)pcm[i] * pcm[i];
  }}
  energy /= (int64_t)n;
  if (!state->begun) {{
    state->floor = energy;
    state->begun = 1;
  }}
  if (energy < state->floor) {{
    state->floor -= (state->floor - energy + 7) / 8;
  }} else {{
    const int64_t risen = state->floor + state->floor / 1024 + 1;
    state->floor = risen < energy ? risen : energy;
  }}
  if (energy >= {gate.least} && energy * 16 > state->floor * {gate.ratio}) {{
    state->open = {gate.hangover + 1};
  }} else if (state->open > 0) {{
    state->open -= 1;
  }}
  return state->open > 0;
}}
"""
