"""Level normalisation inside a network: what a clip says does not depend on how loud it was recorded.

A gain adds one number to all log-mel features of a clip. Taking the clip's own peak off cancels it exactly, and a
rectifier then bounds the dynamic range, so that a quiet recording does not show more of its background than a loud one.
As integers this is a maximum over the maps, a subtraction and a rectifier.
"""

from __future__ import annotations

from torch import Tensor, nn

from edgekit.core.errors import BadConfigError


class PeakLevel(nn.Module):
    """y = max(0, x − peak + range) with the peak over all frequencies and frames of each clip.

    Args:
        dynamic_range: what lies further below the peak becomes 0; in the features' unit, deviations of the training
            clips where the front-end is normalised.

    Raises:
        BadConfigError: the range is not positive.
    """

    def __init__(self, dynamic_range: float) -> None:
        super().__init__()
        if not dynamic_range > 0.0:
            raise BadConfigError(
                f"a dynamic range of {dynamic_range}", where="peak_range", mend="write 2.5, or leave out"
            )
        self.dynamic_range = float(dynamic_range)
        self.peak = nn.AdaptiveMaxPool2d(1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → the same shape, values from 0 to ``dynamic_range``."""
        out: Tensor = self.relu(x - self.peak(x) + self.dynamic_range)
        return out
