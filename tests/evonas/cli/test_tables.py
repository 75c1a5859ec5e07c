"""A table as people have it: from the command line to the report, the exports and predictions, by names."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import evonas as package
from evonas.run.open import config_of
from evonas.runtimes.compiled import find_compiler
from tests.evonas.cli.conftest import Evonas, Refused

CLASSES = ("größe", 'no; "quoted"', "yes")
COLUMNS = ("weight [g]", "length", "width")
SMALL = ["--population", 4, "--children", 2, "--generations", 1, "--epochs", 60]


def rows(n: int = 90) -> list[list[object]]:
    """Values of the columns, and the class that one of them tells."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    x = rng.normal((100, 0, 0), size=(n, 3))
    x[:, 1] += 6 * labels
    return [[*(round(float(v), 4) for v in values), CLASSES[label]] for values, label in zip(x, labels, strict=True)]


def write(
    path: str, table: list[list[object]], header: tuple[str, ...] = (*COLUMNS, "kind"),
    order: tuple[int, ...] = (0, 1, 2, 3),
) -> str:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[row[i] for i in order] for row in [list(header), *table]])
    return path


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, in which values are missing, and a run on it."""
    folder = tmp_path_factory.mktemp("begun")
    table = rows()
    for i in (3, 10, 11):
        table[i][2] = ""
    path = write(str(folder / "x.csv"), table)
    write(str(folder / "test.csv"), rows(12), order=(3, 1, 0, 2))
    from tests.evonas.cli.conftest import call

    result = call("evolve", "--dataset", path, "--target", "kind", "--impute", "median", "--test", folder / "test.csv",
                  *SMALL, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    return folder


def test_names_and_settings_are_kept_with_the_run(begun: Path) -> None:
    config = config_of(begun / "run")
    assert config.classes == CLASSES
    assert config.columns == COLUMNS
    assert (config.target, config.impute, config.task) == ("kind", "median", "classification")


def test_a_run_goes_on_with_a_table_whose_columns_stand_in_another_order(evonas: Evonas, begun: Path) -> None:
    table = list(csv.reader((begun / "x.csv").read_text(encoding="utf-8").splitlines()))
    other = write(str(begun / "other.csv"), table[1:], tuple(table[0]), (3, 2, 0, 1))
    result = evonas("resume", begun / "run", "--dataset", other, "--generations", 2)
    assert result.exit_code == 0, result.output
    renamed = write(str(begun / "renamed.csv"), table[1:], ("weight", *table[0][1:]))
    result = evonas("resume", begun / "run", "--dataset", renamed)
    assert result.exit_code == 2
    assert "expected the column weight [g], as in the training samples" in " ".join(result.output.split())


def test_predictions_have_the_names_of_the_classes_and_impute_what_is_missing(evonas: Evonas, begun: Path) -> None:
    table = [[7, row[2], row[1], row[0]] for row in rows(30)]
    expected = [row[3] for row in rows(30)]
    table[0][1] = ""
    new = write(str(begun / "new.csv"), table, ("id", COLUMNS[2], COLUMNS[1], COLUMNS[0]))
    result = evonas("predict", begun / "run", new)
    assert result.exit_code == 0, result.output
    found = list(csv.DictReader(io.StringIO(result.stdout)))
    assert np.mean([row["prediction"] == label for row, label in zip(found, expected, strict=True)]) > 0.8
    best, n = package.Run(begun / "run").best({}), len(package.Run(begun / "run").front(equal=True))
    (said,) = result.stderr.splitlines()
    assert said.startswith(f"predicted by individual {best} (the ")
    assert n == 1 or f"best of {n} on the front by the first objective, trainval_error " in said
    assert said.endswith("; weights of the search); --id and --weights name others")
    named = evonas("predict", begun / "run", new, "--id", 0, "--out", begun / "out.csv")
    assert named.stderr == "predicted by individual 0 (named by --id; weights of the search)\n"
    assert named.stdout.startswith("wrote ")
    for name in ("out.parquet", "out.json"):
        wrong = evonas("predict", begun / "run", new, "--out", begun / name)
        assert (wrong.exit_code, wrong.stdout) == (2, "")
        assert "--out must end in .csv, since that is what is written" in wrong.stderr
    sums = [sum(float(row[f"probability {name}"]) for name in CLASSES) for row in found]
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    wrong = write(str(begun / "wrong.csv"), [[*row[:3], "heavy"] for row in table], ("id", *COLUMNS[:0:-1], COLUMNS[0]))
    result = evonas("predict", begun / "run", wrong)
    assert "got 'heavy' in line 2, the first of 30 of 30 rows; correct the rows: training had n" in result.stderr
    lacking = write(str(begun / "lacking.csv"), table, ("id", "width", "l", COLUMNS[0]))
    result = evonas("predict", begun / "run", lacking)
    assert result.exit_code == 2
    assert "expected the column length" in " ".join(result.output.split())


def test_missing_texts_are_the_shares_of_their_categories_or_the_one_that_most_have(evonas: Evonas) -> None:
    table: list[list[object]] = [[i % 7, ["red", "red", "red", "blue", ""][i % 5], f"is {i % 2}"] for i in range(100)]
    for kind in ("mean", "median"):
        path = write(f"{kind}.csv", table, ("size", "colour", "class"), (0, 1, 2))
        options = ["--impute", kind, *SMALL, "--epochs", 2, "--out", kind]
        assert evonas("evolve", "--dataset", path, "--target", "class", *options).exit_code == 0
        header = package.load(kind, 0).header
        assert header["source"]["columns"] == ["size", "colour=blue", "colour=red"]
        fill = header["normalisation"]["fill"][1:]
        assert sum(fill) == pytest.approx(1)
        assert fill == [0, 1] if kind == "median" else 0.2 < fill[0] < 0.3


def test_retraining_and_the_test_find_the_test_table(evonas: Evonas, begun: Path) -> None:
    assert evonas("retrain", begun / "run", "--ids", 0, "--seeds", 1, "--epochs", 2).exit_code == 0
    assert evonas("front", begun / "run", "--test").exit_code == 0


def test_exported_files_have_names_and_impute_as_the_search_did(evonas: Evonas, begun: Path, tmp_path: Path) -> None:
    run = package.Run(begun / "run")
    id, x = run.best({}), np.array([[99.5, 7.0, np.nan], [100.0, np.nan, 0.3], [101.0, 12.0, 0.1]])
    network = run.load(id, raw=True)
    assert network.header["source"]["classes"] == list(CLASSES)
    assert network.header["source"]["columns"] == list(COLUMNS)
    import torch

    with torch.inference_mode():
        expected = network(torch.from_numpy(x)).numpy()
    fill = np.array(network.header["normalisation"]["fill"])
    with torch.inference_mode():
        np.testing.assert_array_equal(expected, network(torch.from_numpy(np.where(np.isnan(x), fill, x))).numpy())
    for format in ("c", "onnx"):
        if format == "c" and find_compiler() is None:
            continue
        path = tmp_path / f"kinds.{format}"
        result = evonas("export", begun / "run", id, "--format", format, "--out", path)
        assert result.exit_code == 0, result.output
        found = _run_c(path, x) if format == "c" else _run_onnx(path, x)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def _run_c(path: Path, x: np.ndarray) -> np.ndarray:
    """Outputs, and a look at the names that the header gives."""
    program = path.with_name("main.c")
    program.write_text('#include <stdio.h>\n#include "kinds.h"\nint main(void) { const char *const names[] = '
                       "KINDS_CLASS_NAMES; int i; for (i = 0; i < KINDS_OUTPUTS; i++) puts(names[i]); return 0; }\n")
    compiler = find_compiler() or ()
    for name, sources in (("names", ["main.c"]), ("run", ["-DKINDS_MAIN", "kinds.c"])):
        subprocess.run([*compiler, "-std=c99", *sources, "-lm", "-o", name], check=True, cwd=path.parent)
    names = subprocess.run([path.parent / "names"], capture_output=True, check=True).stdout.decode()
    assert names.splitlines() == list(CLASSES)
    done = subprocess.run([path.parent / "run"], input=x.astype(np.float32).tobytes(), capture_output=True, check=True)
    return np.array(done.stdout.split(), np.float64).reshape(len(x), -1)


def _run_onnx(path: Path, x: np.ndarray) -> np.ndarray:
    runtime = pytest.importorskip("onnxruntime")
    (outputs,) = runtime.InferenceSession(path.read_bytes()).run(None, {"input": x.astype(np.float32)})
    return np.asarray(outputs)


def test_the_report_and_drawings_name_the_classes(evonas: Evonas, begun: Path, tmp_path: Path) -> None:
    assert evonas("report", begun / "run").exit_code == 0
    page = (begun / "run" / "report.html").read_text(encoding="utf-8")
    assert "größe" in page or json.dumps("größe")[1:-1] in page
    id = package.Run(begun / "run").best({})
    assert evonas("show", begun / "run", id, "--draw", tmp_path / "network.svg").exit_code == 0
    assert "größe" in (tmp_path / "network.svg").read_text(encoding="utf-8")


def test_a_column_says_what_the_rows_count(evonas: Evonas) -> None:
    table = [[*row, 1 + 9 * (row[-1] == "yes")] for row in rows()]
    write("x.csv", table, (*COLUMNS, "kind", "count"), (0, 1, 2, 3, 4))
    options = ["--dataset", "x.csv", "--target", "kind", "--weights", "count", *SMALL, "--epochs", 5]
    assert evonas("evolve", *options, "--objectives", "val_balanced_error,flops", "--out", "run").exit_code == 0
    config = config_of(Path("run"))
    assert (config.weights, config.columns) == ("count", COLUMNS)
    assert evonas("resume", "run", "--generations", 2).exit_code == 0
    listed = evonas("metrics").output
    assert {"val_balanced_error", "trainval_balanced_error"} <= set(listed.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], r"target \(--target\): expected the column .* columns are weight \[g\], length, width, kind"),
        (["--target", "kin"], "got 'kin', did you mean 'kind'"),
        (["--target", "kind", "--ignore", "kind"], r"ignore \(--ignore\): expected a column of features of"),
        (["--target", "kind", "--validation", "x.csv", "--test", "x.csv"], "expected other samples than those of val"),
        (["--target", "kind", "--ignore", "lenght"], r"ignore \(--ignore\): .* did you mean 'length'"),
        (["--target", "kind", "--groups", "patient"], r"groups \(--groups\): expected a column"),
        (["--target", "kind", "--weights", "coutn"], r"weights \(--weights\): expected a column"),
        (["--target", "class"], "got 'class'; the columns are weight .g., length, width, kind$"),
        (["--target", "price"], "got 'price'; the columns are "), (["--target", "KIND"], "did you mean 'kind'"),
        (["--target", "kind", "--weights", "note"], r"column note of .*x.csv: expected numbers, which weights "
         r"\(--weights\) must be, got 'heavy' in line 2, the first of 90 of 90 rows; correct the rows, or name an"),
        (["--target", "length", "--weights", "kind"], "column kind of .*: .* weights .* got 'größe' in line 2"),
        (["--target", "kind", "--weights", "length"], r"column length of .*: expected finite weights that are not neg"),
        (["--target", "kind", "--impute", "mode"], "error: --impute must be 'mean' or 'median', got 'mode'"),
        (["--target", "kind", "--axes", "hw"], "a table of features"),
        (["--target", "kind", "--task", "regression"], "expected numbers for a regression, got 'größe"),
        (["--target", "kind", "--validation", "y.csv"], r"validation \(--validation\): expected the path of a file"),
        (["--target", "kind", "--test", "t.csv"], "t.csv: expected the column width, as in the training samples"),
        (["--target", "kind", "--test", "./x.csv"], r"test \(--test\): .*: these are the training samples"),
        (["--target", "kind", "--validation", "x.csv"], r"\(--validation\): .*: these are the training samples"),
        (["--target", "kind", "--test", "t.npz"], "expected a file of the same kind"),
    ],
)
def test_what_does_not_fit_a_table_is_refused_before_anything_is_written(
    refused: Refused, options: list[str], message: str
) -> None:
    if "note" in options:
        write("x.csv", [[*row, "heavy"] for row in rows()], (*COLUMNS, "kind", "note"), (0, 1, 2, 3, 4))
    else:
        write("x.csv", rows())
    write("t.csv", rows(9), ("weight [g]", "length", "breadth", "kind"))
    np.savez("t.npz", x=np.zeros((2, 3)), y=np.zeros(2))
    refused("evolve", "--dataset", "x.csv", *options, message=message)
    assert not Path("runs").exists()


@pytest.mark.parametrize(("target", "hint"), [
    ("cortex-m4", "--objectives trainval_error,flash@cortex-m4"), ("board.toml", "--target-file board.toml"),
])
def test_a_device_for_the_target_of_arrays_is_told_its_place(refused: Refused, target: str, hint: str) -> None:
    np.savez("own.npz", x_train=np.zeros((30, 5)), y_train=np.arange(30) % 3)
    refused("evolve", "--dataset", "own.npz", "--target", target,
            message=f"which has no columns, got {target}; leave it out; .* for the device use {hint}")


def test_test_samples_of_another_shape_are_refused_at_the_start(refused: Refused) -> None:
    x, y = np.random.default_rng(0).normal(size=(30, 5)), np.arange(30) % 3
    np.savez("own.npz", x_train=x, y_train=y, x_test=x[:, :4], y_test=y)
    refused("evolve", "--dataset", "own.npz", message=r"expected samples of shape \(5,\), got \(4,\)")
    np.savez("own.npz", x_train=x, y_train=y, x_test=x, y_test=y[:-1])
    refused("evolve", "--dataset", "own.npz", message="got 30 in x and 29 in y")
    np.savez("own.npz", x_train=x, y_train=y, x_test=x)
    refused("evolve", "--dataset", "own.npz", message="store the other, too")


@pytest.mark.filterwarnings("default:column colour")
def test_texts_are_encoded_in_predictions_and_exports_as_in_the_search(evonas: Evonas, tmp_path: Path) -> None:
    rng, header = np.random.default_rng(0), ("size", "colour", "kind")
    colours = [["red", "blue", "dark green"][i % 3] for i in range(90)]
    table: list[list[object]] = [[round(float(rng.normal()), 3), c, f"is {c}"] for c in colours]
    path = write("x.csv", table, header, (0, 1, 2))
    result = evonas("evolve", "--dataset", path, "--target", "kind", *SMALL, "--out", "run")
    assert result.exit_code == 0, result.output
    config = config_of(Path("run"))
    assert (config.columns, config.categories) == (("size", "colour"), {"colour": ("blue", "dark green", "red")})
    new = write("new.csv", [["blue", 0.1], ["purple", 0.2], ["red", 0.3]], ("colour", "size"), (0, 1))
    result = evonas("predict", "run", new)
    assert result.exit_code == 0, result.output
    assert "'purple' in line 3 is none of the categories 'blue', 'dark green', 'red'" in result.stderr
    found = list(csv.DictReader(io.StringIO(result.stdout)))
    run = package.Run("run")
    network = run.load(run.best({}), raw=True)
    assert network.header["source"]["columns"] == ["size", "colour=blue", "colour=dark green", "colour=red"]
    assert network.header["source"]["categories"] == {"colour": ["blue", "dark green", "red"]}
    import torch

    x = torch.tensor([[0.1, 1, 0, 0], [0.2, 0, 0, 0], [0.3, 0, 0, 1]], dtype=torch.float64)
    with torch.inference_mode():
        outputs = network.double()(x).softmax(1).numpy()
    for row, expected in zip(found, outputs, strict=True):
        assert [float(row[f"probability {name}"]) for name in config.classes] == pytest.approx(expected, abs=1e-5)
    assert evonas("resume", "run", "--generations", 2).exit_code == 0
    if find_compiler() is not None:
        assert evonas("export", "run", run.best({}), "--format", "c", "--out", "kinds.c").exit_code == 0
        text = " ".join(Path("kinds.h").read_text().replace("*", " ").split())
        assert "inputs, in this order: size, colour=blue, colour=dark green, colour=red" in text
        assert "of the inputs of colour each is 1 for its category and else 0" in text
        assert '#define KINDS_INPUT_NAMES {"size", "colour=blue", "colour=dark green", "colour=red"}' in text


@pytest.mark.parametrize("target", [["--target", "low,high"], ["--target", "low", "--target", "high"]])
def test_several_targets_are_predicted_by_their_names(evonas: Evonas, target: list[str]) -> None:
    table: list[list[object]] = [[i / 10, i / 5, -i] for i in range(60)]
    path = write("x.csv", table, ("a", "low", "high"), (0, 1, 2))
    result = evonas("evolve", "--dataset", path, *target, *SMALL, "--out", "run")
    assert result.exit_code == 0, result.output
    assert config_of(Path("run")).target == ("low", "high")
    result = evonas("predict", "run", path)
    assert result.stdout.splitlines()[0] == "prediction low,prediction high"
    assert evonas("resume", "run", "--generations", 2).exit_code == 0


def test_the_classes_of_an_archive_keep_their_names(evonas: Evonas) -> None:
    rng, names = np.random.default_rng(0), np.array(["cat", "dog", "emu"])
    y = np.arange(60) % 3
    x = rng.normal(size=(60, 4)) + 3 * y[:, None]
    np.savez("own.npz", x_train=x, y_train=y, x_test=x, y_test=y, classes=names)
    result = evonas("evolve", "--dataset", "own.npz", *SMALL, "--out", "own")
    assert result.exit_code == 0, result.output
    assert config_of(Path("own")).classes == tuple(names)
    np.savez("new.npz", x=x[:5])
    header = evonas("predict", "own", "new.npz").stdout.splitlines()[0]
    assert header == "prediction,probability cat,probability dog,probability emu"
    assert package.load("own", 0).header["source"]["classes"] == list(names)
    assert evonas("retrain", "own", "--ids", 0, "--seeds", 1, "--epochs", 1).exit_code == 0
