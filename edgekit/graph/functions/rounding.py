"""Rounding to whole numbers, halves to the even neighbour: ONNX Round, TFLite ROUND.

Models that simulate quantization or count steps have it between their layers; in int8 it is a table like any other.
"""

from __future__ import annotations

import numpy as np

from edgekit.graph.functions.kind import Function

FUNCTIONS = (Function("round", 1, np.rint, "Round", "round", "ROUND"),)
