"""Act when a wake word is heard, on a Raspberry Pi or any Linux machine: ``edgekit wake`` made the detector.

    edgekit wake "hey lantern" -o lantern
    python examples/wake_word_on_a_pi.py lantern --action 'echo heard'            # the microphone
    python examples/wake_word_on_a_pi.py lantern day.wav --action 'echo heard'    # recordings, to try it

Each event runs the action, with the time and the score in its environment. ``edgekit run --systemd-unit`` prints a unit
that listens from boot on, without Python of yours.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def events(folder: Path, audio: list[Path]) -> Iterator[dict[str, object]]:
    """What ``edgekit run`` prints, an event a line, while it listens."""
    command = [sys.executable, "-m", "edgekit", "run", str(folder / "model.int8.tflite"), *map(str, audio)]
    command += ["--detector", str(folder / "detector.json"), "--format", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        for line in listening.stdout:
            yield json.loads(line)
    if listening.returncode:
        raise SystemExit(listening.returncode)


def main() -> None:
    """Listen, and act."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of edgekit wake")
    parser.add_argument("audio", nargs="*", type=Path, help="recordings instead of the microphone")
    parser.add_argument("--action", required=True, help="shell command to run at each event")
    given = parser.parse_args()
    for event in events(given.folder, given.audio):
        environment = {**os.environ, **{f"WAKE_{key.upper()}": str(value) for key, value in event.items()}}
        subprocess.run(given.action, shell=True, env=environment, check=False)


if __name__ == "__main__":
    main()
