"""Numbers drawn on the host, taken to the training device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def on_device(values: np.ndarray, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """``values`` as a tensor on ``device``, of their own type or ``dtype``.

    A GPU copies from pinned memory while it goes on with what it does; from any other memory it would first have to
    finish everything, in every step a dozen times.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    tensor = tensor if dtype is None else tensor.to(dtype)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
