"""Take someone else's int8 TFLite to C: is it all integer, does it fit, are the bytes right, what does it cost?

    python examples/tflite_to_c.py model.tflite --target cortex-m4 -o firmware

The file may come from any converter. Nothing in it is run; an operator without integer form is an error that names the
layer. The C is compared byte by byte with the reference interpreter before anything is measured.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import edgekit


def main() -> int:
    """Check, compile, compare, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--target", default="cortex-m4", help="a core, or a board such as nrf52840-dk")
    parser.add_argument("--budget", default="nrf52840", help="a board's memory, a challenge, or a TOML file")
    parser.add_argument("--clips", type=int, default=20, help="random inputs on which the bytes are compared")
    parser.add_argument("-o", "--out", type=Path, default=Path("firmware"))
    given = parser.parse_args()

    verdict = edgekit.check_budget(given.model, given.budget)
    for finding in verdict.models[0].findings:
        print(f"{finding.outcome:10} {finding.rule}: {finding.message}")
    if verdict.exit_code:
        return verdict.exit_code

    compiled = edgekit.compile(given.model, given.target, out=given.out)
    print(f"C for {compiled.target.name} in {compiled.folder}")
    measured = edgekit.bench(given.model, given.target, clips=given.clips)[0]
    if measured.problem or not measured.outputs_equal:
        print(measured.problem or "the outputs differ from the reference", file=sys.stderr)
        return 1
    print(f"outputs equal on {measured.clips} inputs ({measured.runner})")
    for name, quantity in measured.figures().items():
        print(f"{name:16} {quantity.value:>12,} {quantity.unit} ({quantity.method})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
