"""Sources of reprogramming: trained on drawn pictures, or public weights of torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.core.errors import BadFileError
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.adapt.picture_source import PictureSource
    from edgekit.adapt.source import Source


def train_picture_source(
    out: str | Path, *, per_class: int = 100, epochs: int = 8, seed: int = 0, progress: Progress = silent
) -> PictureSource:
    """Train a MobileNetV3 of width 0.4 on scikit-learn's digits and drawn shapes; minutes on one core.

    Args:
        out: ``.safetensors`` file for ``edgekit adapt --source``.
        per_class: pictures of each class.
        epochs: passes.
        seed: of everything.
        progress: told about steps.

    Raises:
        MissingDependencyError: torch or scikit-learn is not installed.
    """
    require("torch", "train")
    from edgekit.adapt.picture_source import train_picture_source as fit

    return fit(Path(out), per_class=per_class, epochs=epochs, seed=seed, progress=progress)


def torchvision_source(architecture: str, weights: str | Path, out: str | Path) -> Source:
    """Public weights of a classifier of torchvision as a source.

    Args:
        architecture: one of :data:`edgekit.adapt.torchvision_models.ARCHITECTURES`.
        weights: ``.pth`` or ``.safetensors`` file as torchvision publishes it; nothing in it is run.
        out: ``.safetensors`` file for ``edgekit adapt --source``.

    Raises:
        BadConfigError: an unknown architecture.
        BadFileError: weights that are not that architecture's.
        MissingDependencyError: torchvision is not installed, or does not fit the torch that is.
    """
    require("torch", "train")
    from edgekit.adapt.source import read_source, save_picture_source
    from edgekit.adapt.torchvision_models import SHAPE
    from edgekit.models.registry import build_model
    from edgekit.models.teachers.checkpoint_file import read_tensors

    tensors = read_tensors(Path(weights))
    model = build_model("torchvision", architecture=architecture)
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    odd = [name for name, shape in own.items() if name not in tensors or tuple(tensors[name].shape) != shape]
    if odd:
        text = f"{odd[0]} is missing or of another shape than {architecture}'s"
        raise BadFileError(text, where=str(weights), mend="name the architecture that the weights are of")
    arguments = {"architecture": architecture, "classes": 1000}
    labels = tuple(str(number) for number in range(1000))
    save_picture_source(Path(out), "torchvision", arguments, labels, SHAPE, {name: tensors[name] for name in own})
    return read_source(Path(out))
