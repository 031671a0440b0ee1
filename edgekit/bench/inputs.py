"""What a model is asked on every target, and what the reference answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgekit.bench.host import host_model
from edgekit.core.errors import BadConfigError
from edgekit.deploy.c.choice import Optimize
from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.features.spec import FrontendSpec
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.integer_core import integer_core

PCM_CLIPS = 3
PCM_LEVEL = 3000.0
"""Standard deviation of the noise that front-ends are given, in steps of int16."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """One model with its inputs.

    Attributes:
        model: name for the table.
        graph: integer edge graph.
        core: the same without float ends.
        spec: front-end, None where there is none.
        optimize: what C is generated for.
        features: int8 [N, …].
        expected: int8 [N, outputs]: what the integer interpreter makes of them.
        pcm: int16 [M, samples] of noise; without front-end [M, 1], not used.
    """

    model: str
    graph: Graph
    core: Graph
    spec: FrontendSpec | None
    optimize: Optimize
    features: np.ndarray
    expected: np.ndarray
    pcm: np.ndarray

    @property
    def outputs(self) -> int:
        """Scores of the model."""
        return int(self.expected.shape[1])

    @cached_property
    def pcm_scores(self) -> np.ndarray:
        """int8 [M, outputs] by the C of this machine: PCM has no integer reference."""
        with host_model(generate(self.graph, self.spec, find_target("cpu"), optimize=self.optimize)) as model:
            return model.push(self.pcm)[0]


def make_inputs(
    model: str,
    graph: Graph,
    spec: FrontendSpec | None,
    optimize: Optimize,
    *,
    clips: int,
    seed: int,
    given: np.ndarray | None = None,
) -> Inputs:
    """Inputs of a model.

    Args:
        model: its name.
        graph: integer edge graph.
        spec: its front-end, if it has one.
        optimize: what C is generated for.
        clips: how many random inputs, or how many of ``given`` at most.
        seed: of the random inputs.
        given: float32 [N, H, W, C] features, which are quantized as the model wants them; None takes noise.

    Raises:
        UnsupportedOpError: the model is not integer.
        BadConfigError: fewer than one clip.
    """
    if clips < 1:
        raise BadConfigError("nothing to measure", where="--clips", mend="give at least one clip")
    rng = np.random.default_rng(seed)
    core = integer_core(graph)
    dims = core.tensor(core.inputs[0]).dims
    shape = dims[1:] if dims and dims[0] == 1 else dims
    if given is None:
        features = rng.integers(-128, 128, (clips, *shape), dtype=np.int8)
    else:
        features = _quantized(core, given[:clips])
    expected = run_integer(core, features).reshape(len(features), -1)
    samples = spec.clip_samples if spec is not None else 1
    noise = rng.normal(0.0, PCM_LEVEL, (min(len(features), PCM_CLIPS), samples))
    pcm = np.clip(noise, -32768, 32767).astype(np.int16)
    return Inputs(model, graph, core, spec, optimize, features, expected, pcm)


def _quantized(core: Graph, features: np.ndarray) -> np.ndarray:
    scale, zero_point = core.tensor(core.inputs[0]).scale_zero()
    steps = np.floor(features.astype(np.float64) / scale + 0.5) + zero_point
    result: np.ndarray = np.clip(steps, -128, 127).astype(np.int8)
    return result


@dataclass(frozen=True)
class Agreement:
    """Outputs beside the reference's.

    Attributes:
        equal: every byte.
        labels: share of clips with the same label, 0 to 1.
        steps: largest difference of a score, in int8 steps.
    """

    equal: bool
    labels: float
    steps: int


def compare_scores(found: np.ndarray, expected: np.ndarray) -> Agreement:
    """int8 [N, outputs] against the reference's."""
    difference = np.abs(found.astype(np.int32) - expected.astype(np.int32))
    labels = float(np.mean(found.argmax(axis=1) == expected.argmax(axis=1)))
    return Agreement(not difference.any(), labels, int(difference.max()))
