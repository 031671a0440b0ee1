"""Runs in a process of its own, where TensorFlow is: a Keras model or SavedModel to a float TFLite file.

    python tensorflow_script.py MODEL OUT.tflite

Nothing of edgekit is imported here. Status 3 and one line on stderr say that the model cannot be converted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

REFUSED = 3
"""Exit status of a model that is not converted, and whose last line of stderr says why."""
MARK = "edgekit: "
"""Before that line: TensorFlow writes there, too."""


def main(arguments: list[str]) -> int:
    """Convert; the exit status."""
    source, target = Path(arguments[0]), Path(arguments[1])
    try:
        content = _converted(source)
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        sys.stderr.write(f"{MARK}{said[0][:400]}\n")
        return REFUSED
    target.write_bytes(content)
    return 0


def _converted(source: Path) -> bytes:
    import tensorflow as tf

    function = _of_saved_model(tf, source) if source.is_dir() else _of_keras(tf, source)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([_frozen(function)])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return bytes(converter.convert())


def _of_keras(tf: Any, source: Path) -> Any:
    """The model as a function of one clip; layers that carry code of their own (Lambda) are not loaded."""
    model = tf.keras.models.load_model(str(source), compile=False, safe_mode=True)
    if len(model.inputs) != 1:
        raise ValueError(f"the model has {len(model.inputs)} inputs, one is supported")
    spec = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32)
    return tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)


def _of_saved_model(tf: Any, source: Path) -> Any:
    """Its serving signature as a function of one clip."""
    model = tf.saved_model.load(str(source))
    signatures = list(model.signatures)
    if not signatures:
        raise ValueError("the SavedModel has no signature: save it with model.export or with signatures=")
    signature = model.signatures["serving_default" if "serving_default" in signatures else signatures[0]]
    given = list(signature.structured_input_signature[1].items())
    if len(given) != 1:
        raise ValueError(f"the model has {len(given)} inputs, one is supported")
    name, spec = given[0]
    one = tf.TensorSpec((1, *spec.shape[1:]), spec.dtype)

    def clip(x: Any) -> Any:
        return next(iter(signature(**{name: x}).values()))

    function = tf.function(clip).get_concrete_function(one)
    function.keeps = model  # its variables live as long as the model does
    return function


def _frozen(function: Any) -> Any:
    """The function with its variables as constants: TFLite would have resources for them otherwise."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(function, lower_control_flow=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
