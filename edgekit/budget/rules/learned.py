"""Rules of operators that perform no multiply-accumulate but hold weights that the challenge's counter sees."""

from __future__ import annotations

from edgekit.budget.layer import Layer, Rule, Work


def free(layer: Layer) -> Work:
    """The operator performs no multiply-accumulate in either convention: it moves, compares, scales or sums values."""
    return Work()


def parameters_once(*slots: int) -> Rule:
    """Rule of normalisations, PReLU and embeddings; ``slots`` are the inputs that hold learned weights."""

    def rule(layer: Layer) -> Work:
        """The operator performs no multiply-accumulate of a linear layer.

        dcase: its learned weights once a clip (BatchNorm: γ and β, not the running statistics).
        """
        return Work(dcase=layer.batch * sum(layer.size(slot) for slot in slots if layer.constant(slot)))

    return rule


def embedding(layer: Layer) -> Work:
    """A table look-up performs no multiply-accumulate.

    dcase: the elements of a float table that is looked up by an activation, once a clip (an Embedding).
    """
    table = layer.input(0)
    looked_up = layer.constant(0) and not layer.constant(1) and table.dtype.startswith(("float", "bfloat"))
    return Work(dcase=layer.batch * table.elements if looked_up else 0)
