"""Series files: both forms say the same, and damaged ones are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.adapt.series.series import read_series
from edgekit.core.errors import BadFileError

TS = """# a comment
@problemName Waves
@timeStamps false
@univariate false
@classLabel true up down
@data
1,2,3:4,5,6:up
3,2,?:6,5,4:down
"""
ARFF = """@relation Waves
@attribute series relational
@attribute att0 numeric
@attribute att1 numeric
@attribute att2 numeric
@end series
@attribute class {up,down}
@data
'1,2,3\\n4,5,6',up
'3,2,?\\n6,5,4',down
"""
FLAT = "@relation 'Flat'\n@attribute a numeric\n@attribute b numeric\n@attribute c {1,2}\n@data\n0.5,1e-2,2\n1,2,1\n"


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_both_forms_hold_the_same_series(tmp_path: Path) -> None:
    ts, arff = read_series(_write(tmp_path, "a.ts", TS)), read_series(_write(tmp_path, "a.arff", ARFF))
    for item in (ts, arff):
        assert item.name == "Waves" and item.labels == ("up", "down")
        assert item.targets.tolist() == [0, 1]
        np.testing.assert_array_equal(item.series[0], [[1, 2, 3], [4, 5, 6]])
        np.testing.assert_array_equal(item.series[1], [[3, 2, 2], [6, 5, 4]])


def test_flat_rows_are_one_dimension(tmp_path: Path) -> None:
    item = read_series(_write(tmp_path, "flat.arff", FLAT))
    assert item.name == "Flat" and item.targets.tolist() == [1, 0]
    np.testing.assert_array_equal(item.series[0], [[0.5, 0.01]])


def test_dimensions_are_joined_standardised(tmp_path: Path) -> None:
    joined = read_series(_write(tmp_path, "a.ts", TS)).joined()[0]
    one = np.array([-1.0, 0.0, 1.0]) / np.std([1, 2, 3])
    np.testing.assert_allclose(joined, np.concatenate([one, one]))


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("a.csv", TS, "no .ts or .arff"),
        ("a.ts", "1,2:a", "no @data"),
        ("a.ts", TS.replace("true up down", "false"), "no class labels"),
        ("a.ts", TS.replace("timeStamps false", "timeStamps true"), "time stamps"),
        ("a.ts", TS.replace("6:up", "6:left"), "'left' is not in its header"),
        ("a.ts", TS.replace("1,2,3", "1,x,3"), "no number"),
        ("a.ts", TS.replace("1,2,3", "inf,2,3"), "infinite"),
        ("a.ts", TS.replace("1,2,3", "?,?,?"), "no known value"),
        ("a.ts", TS.split("1,2,3")[0], "holds no series"),
        ("a.arff", ARFF.replace("{up,down}", "numeric"), "no nominal class"),
        ("a.arff", ARFF.replace("\\n4,5,6", "\\n4,5"), "different lengths"),
    ],
)
def test_what_is_no_problem_is_refused(tmp_path: Path, name: str, text: str, match: str) -> None:
    with pytest.raises(BadFileError, match=match):
        read_series(_write(tmp_path, name, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="cannot be read"):
        read_series(tmp_path / "gone.ts")
