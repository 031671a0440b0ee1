"""The fake-quantized twin: the integer interpreter's and TFLM's own values, LSQ's gradients, learning."""

from __future__ import annotations

import numpy as np
import pytest
from float_networks import FloatBuilder, clips, residual_classifier
from int8_oracles import tflm_outputs
from test_ptq_operators import CASES

from edgekit.core.errors import UnsupportedOpError
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.features.quantized import quantize_features
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.integer.params_rescale import multiplied, multiplier_of
from edgekit.graph.rounding import rounding_of, with_rounding
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_graph, quantize_prepared

torch = pytest.importorskip("torch")

from edgekit.quantize.fake_quant import Grid, LearnedScale, requantize, rescaled  # noqa: E402
from edgekit.quantize.twin import FakeQuantTwin  # noqa: E402


def twin_of(graph: Graph, **options: object) -> FakeQuantTwin:
    chosen = PtqOptions(**options)  # type: ignore[arg-type]
    base = prepared(graph, chosen)
    return FakeQuantTwin(base, quantize_prepared(base, clips(), chosen))


def unequal_steps(twin: FakeQuantTwin, x: np.ndarray) -> int:
    """Values of all activations in which the twin and the interpreter differ."""
    integer = twin.eval().integer_graph()
    with torch.no_grad():
        steps = twin.steps(torch.from_numpy(x))
    fed = quantize_features(x, *integer.tensor(integer.inputs[0]).scale_zero())
    expected = run_integer(integer, fed, all_tensors=True)
    assert set(expected) == set(steps)
    return sum(
        int(np.count_nonzero(s.values.numpy().reshape(expected[n].shape) + s.grid.zero_point != expected[n]))
        for n, s in steps.items()
    )


@pytest.mark.parametrize("widths", ["none", "all"])
def test_every_activation_is_what_the_interpreter_gives(widths: str) -> None:
    assert unequal_steps(twin_of(residual_classifier(), widths=widths), clips(60, seed=1)) == 0


@pytest.mark.parametrize("widths", ["none", "all"])
def test_a_graph_that_rounds_once_has_a_twin_that_does(widths: str) -> None:
    twice, once = (twin_of(with_rounding(residual_classifier(), name), widths=widths) for name in ("twice", "once"))
    x = clips(60, seed=1)
    assert unequal_steps(once, x) == 0
    assert rounding_of(once.integer_graph()) == "once"
    with torch.no_grad():
        own, other = (twin.steps(torch.from_numpy(x)) for twin in (once, twice))
    assert any(not torch.equal(own[name].values, other[name].values) for name in own)
    with pytest.raises(UnsupportedOpError, match="of another model"):
        FakeQuantTwin(once.graph, twice.integer)


@pytest.mark.parametrize("factor", [0.7, 3e-3, 2.0**-9, 5.5])
def test_sums_in_torch_are_rescaled_as_the_kernels_do(factor: float) -> None:
    sums = np.random.default_rng(0).integers(-(2**24), 2**24, (500, 3))
    for name in ("twice", "once"):
        expected = multiplied(sums, *multiplier_of(factor, name), name)
        made = rescaled(torch.from_numpy(sums).double(), torch.full((3,), factor, dtype=torch.float64), name)
        np.testing.assert_array_equal(made.numpy(), expected)


@pytest.mark.parametrize("widths", ["none", "all"])
@pytest.mark.parametrize("case", CASES)
def test_every_operator_is_what_the_interpreter_gives_wherever_the_scales_went(case: str, widths: str) -> None:
    build = FloatBuilder(3)
    CASES[case](build, build.conv(8, 3, "none"))
    build.conv(6, 3, "none")
    twin = twin_of(build.graph(), widths=widths)
    assert unequal_steps(twin, clips(30, seed=1)) == 0
    move = np.random.default_rng(2)
    with torch.no_grad():
        for scale in twin.scales:
            if isinstance(scale, LearnedScale):
                scale.logarithm += move.normal(0.0, 0.1)
    assert unequal_steps(twin, clips(30, seed=1)) == 0


def test_logits_are_what_tflm_gives() -> None:
    twin = twin_of(residual_classifier()).eval()
    integer = twin.integer_graph()
    x = clips(40, seed=2)
    fed = quantize_features(x, *integer.tensor(integer.inputs[0]).scale_zero())
    scale, zero_point = integer.tensor(integer.outputs[0]).scale_zero()
    outputs = tflm_outputs(tflite_bytes(integer), fed).reshape(40, -1).astype(np.float64)
    with torch.no_grad():
        np.testing.assert_allclose(twin(torch.from_numpy(x)).numpy(), (outputs - zero_point) * scale, rtol=1e-6)


@pytest.mark.parametrize("correction", [False, True])
def test_the_twin_starts_as_the_integer_graph_that_it_was_made_from(correction: bool) -> None:
    graph = residual_classifier()
    integer = quantize_graph(graph, clips(), PtqOptions(bias_correction=correction))
    x = np.random.default_rng(0).integers(-128, 128, (30, 16, 10, 1), dtype=np.int8)
    started = run_integer(FakeQuantTwin(graph, integer).integer_graph(), x, all_tensors=True)
    for name, values in run_integer(integer, x, all_tensors=True).items():
        np.testing.assert_array_equal(started[name], values)


def test_a_twin_with_a_constant_image_goes_to_channels_last_memory() -> None:
    """Training puts every model there (a transformer's positional codes are such a constant)."""
    build = FloatBuilder(6)
    image = build.conv(8)
    build.add_node("add", (16, 10, 8), (image, build.constant((1, 16, 10, 8), 1.0)), activation="none")
    twin = twin_of(build.graph())
    assert unequal_steps(twin.to(memory_format=torch.channels_last), clips(10, seed=1)) == 0


def test_gradient_of_a_scale_is_that_of_learned_step_size_quantization() -> None:
    """Esser et al. 2020, equation 3, times the gradient's slow-down of section 2.2."""
    scale = LearnedScale(0.5, Grid(0), elements=4)
    x = torch.tensor([0.6, -0.9, 80.0, -80.0])
    requantize(x / scale(), scale(), Grid(0)).real.sum().backward()
    inside = (round(0.6 / 0.5) - 0.6 / 0.5) + (round(-0.9 / 0.5) + 0.9 / 0.5)
    expected = (inside + 127 - 128) * (4 * 127) ** -0.5
    # The parameter is a logarithm: its gradient is the scale's times the scale.
    assert scale.logarithm.grad is not None
    assert float(scale.logarithm.grad) == pytest.approx(expected * 0.5, rel=1e-4)


def test_gradient_passes_straight_through_inside_the_range_and_not_outside() -> None:
    x = torch.tensor([0.3, 500.0], requires_grad=True)
    requantize(x, torch.tensor(1.0), Grid(0)).real.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 0.0]


def test_fine_tuning_lowers_the_error_and_frozen_scales_stay() -> None:
    torch.manual_seed(0)
    graph = residual_classifier()
    twin = twin_of(graph, observer="minmax", compensate=False, bias_correction=False).train()
    x = torch.from_numpy(clips(64))
    from edgekit.graph.float_interpreter import run_float

    target = torch.from_numpy(run_float(graph, clips(64)))
    optimiser = torch.optim.Adam(twin.parameters(), 5e-5)

    def step() -> float:
        loss = torch.nn.functional.mse_loss(twin(x), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    first = step()
    for _ in range(60):
        step()
    moved = {name: q.scalar() for name, q in twin.quantizations().items()}
    assert moved != {name: twin.integer.tensor(name).scale_zero() for name in moved}
    twin.freeze_scales()
    last = float(np.mean([step() for _ in range(10)]))
    assert last < 0.9 * first
    assert {name: q.scalar() for name, q in twin.quantizations().items()} == moved
    assert unequal_steps(twin, clips(60, seed=1)) == 0


def test_training_with_frozen_scales_sees_what_evaluation_does() -> None:
    twin = twin_of(residual_classifier())
    twin.freeze_scales()
    x = torch.from_numpy(clips(20, seed=4))
    with torch.no_grad():
        np.testing.assert_array_equal(twin.train()(x).numpy(), twin.eval()(x).numpy())


def test_left_in_float_everywhere_it_is_the_float_model() -> None:
    from edgekit.graph.float_interpreter import run_float

    graph = residual_classifier()
    twin = twin_of(graph, bias_correction=False).eval()
    twin.floating = frozenset({"x", *(node.name for node in graph.nodes)})
    x = clips(20, seed=5)
    with torch.no_grad():
        logits = twin(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(logits, run_float(graph, x), atol=2e-3)  # biases are rounded


def test_integer_graph_of_another_model_is_refused() -> None:
    build = FloatBuilder(0)
    build.conv(4)
    with pytest.raises(UnsupportedOpError, match="another model"):
        FakeQuantTwin(build.graph(), quantize_graph(residual_classifier(), clips()))
