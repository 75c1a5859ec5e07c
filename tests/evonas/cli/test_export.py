"""An exported network is the one that was reported, and can be used without the run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import torch
from typer.testing import Result

import evonas
from evonas.capabilities.export import Precision
from evonas.data import load
from evonas.evaluation.metrics import measure
from evonas.export.data_units import export_target, inputs_of
from evonas.run.export import ARITHMETIC
from evonas.runtimes.compiled import compiled, find_compiler
from evonas.types import UserError

Evonas = Callable[..., Result]
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


@pytest.fixture
def exported(evonas: Evonas, finished: Path, best: int, tmp_path: Path) -> Path:
    path = tmp_path / "network.safetensors"
    assert evonas("export", finished, best, "--out", path).exit_code == 0
    return path


def test_the_exported_network_has_the_validation_metrics_that_the_run_reports(exported: Path) -> None:
    network, splits = evonas.load(exported), load("digits")
    assert not network.training
    with torch.no_grad():
        outputs = network(torch.from_numpy(splits.validation.x)).numpy()
    found = measure(outputs, splits.validation, splits.task, "val")
    reported = {name: network.header["metrics"][name] for name in found}
    assert found == pytest.approx(reported, rel=1e-4)


def test_a_raw_network_takes_the_pixels_of_the_files(exported: Path) -> None:
    splits = load("digits")
    pixels = np.rint(splits.validation.x * np.array(splits.scaling.std) + np.array(splits.scaling.mean))
    assert pixels.min() == 0
    assert pixels.max() == 16
    with torch.no_grad():
        expected = evonas.load(exported)(torch.from_numpy(splits.validation.x))
        found = evonas.load(exported, raw=True)(torch.from_numpy(pixels.astype(np.uint8)))
    assert torch.allclose(found, expected, atol=1e-4)


def test_a_raw_regression_network_answers_in_the_units_of_the_targets(evonas: Evonas, tmp_path: Path) -> None:
    import evonas as package

    rng = np.random.default_rng(0)
    x = rng.normal(50, 20, (200, 4))
    np.savez("own.npz", x_train=x, y_train=1000 + x @ [1.0, 2.0, 3.0, 4.0])
    numbers = ["--population", 2, "--children", 1, "--generations", 0, "--epochs", 20]
    assert evonas("evolve", "--dataset", "own.npz", *numbers, "--out", "r").exit_code == 0
    assert evonas("export", "r", 0, "--out", "n").exit_code == 0
    network, splits = package.load("n", raw=True), load("own.npz")
    rows, y = splits.validation.x, splits.validation.y
    raw = torch.from_numpy(rows * np.array(splits.scaling.std) + np.array(splits.scaling.mean))
    targets = y * splits.scaling.target_std + np.array(splits.scaling.target_mean)
    with torch.no_grad():
        mse = float(((network(raw).numpy() - targets) ** 2).mean())
    assert mse == pytest.approx(network.header["metrics"]["val_mse"], rel=1e-3)


def test_retrained_weights_are_exported_with_their_test_metrics(evonas: Evonas, run: Path, best: int) -> None:
    import evonas as package
    from evonas.data.test_split import load_test

    assert evonas("retrain", run, "--ids", best, "--seeds", 1, "--epochs", 2).exit_code == 0
    assert evonas("export", run, best, "--out", "n", "--weights", "fresh").exit_code == 0
    network, test = package.load("n"), load_test("digits")
    with torch.no_grad():
        outputs = network(torch.from_numpy(test.x)).numpy()
    found = measure(outputs, test, load("digits").task, "test")
    assert found["test_loss"] == pytest.approx(network.header["metrics"]["test_loss"], rel=1e-4)


def test_the_json_export_has_the_same_weights_and_genotype(
    evonas: Evonas, finished: Path, best: int, exported: Path
) -> None:
    assert evonas("export", finished, best, "--out", "n.json", "--format", "json").exit_code == 0
    document, tensors = json.loads(Path("n.json").read_text()), safetensors.numpy.load_file(exported)
    for key, prefix in (("weights", "weights."), ("genotype_arrays", "genotype.")):
        for name, values in document[key].items():
            assert np.array_equal(np.array(values, tensors[prefix + name].dtype), tensors[prefix + name]), name
    assert document["metrics"]["val_error"] == document["metrics"]["val_error"]
    assert document["source"]["id"] == best


@needs_compiler
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 0.0), ("int8-weights", 0.02), ("int8", 0.03)])
def test_the_compiled_network_has_the_accuracy_that_the_run_reports(
    evonas: Evonas, finished: Path, best: int, precision: Precision, tolerance: float
) -> None:
    arguments = ["--format", "c", "--precision", precision, "--out", "digits.c"]
    result = evonas("export", finished, best, *arguments)
    assert result.exit_code == 0, result.output
    splits, target = load("digits"), export_target(load("digits"), "digits", precision)
    assert target.byte_inputs
    with compiled({suffix: Path(f"digits{suffix}").read_bytes() for suffix in (".c", ".h")}, "digits", 10) as network:
        outputs = network.run(inputs_of(splits.validation, target))
    found = measure(outputs, splits.validation, splits.task, "val")["val_accuracy"]
    reported = json.loads(evonas("front", finished, "--json").stdout)[-1]["val_accuracy"]
    assert abs(found - reported) <= tolerance
    stated = f"val_accuracy {found:.4f} {ARITHMETIC[precision]}, {reported:.4f} in the run"
    assert stated in result.stdout
    assert stated in Path("digits.h").read_text()
    for text in (r"[\d,]+ bytes of flash, [\d,]+ bytes of ram", r"bytes of flash an edge", r"[\d.]+ ns an edge"):
        assert re.search(text, result.stdout), text


@needs_compiler
def test_fine_tuning_gives_back_what_rounding_has_cost(evonas: Evonas, finished: Path, best: int) -> None:
    found = []
    for epochs in (0, 4):
        arguments = ["--precision", "ternary", "--finetune-epochs", epochs, "--out", f"digits{epochs}.c"]
        result = evonas("export", finished, best, *arguments)
        assert result.exit_code == 0, result.output
        assert ("fine-tuned for 4 epochs in ternary" in Path(f"digits{epochs}.h").read_text()) == (epochs > 0)
        found.append(float(result.stdout.partition("val_accuracy ")[2].split()[0]))
    assert found[1] > found[0]


def test_the_onnx_network_has_the_accuracy_that_the_run_reports(evonas: Evonas, finished: Path, best: int) -> None:
    import onnxruntime

    result = evonas("export", finished, best, "--format", "onnx", "--out", "digits.onnx")
    assert result.exit_code == 0, result.output
    splits = load("digits")
    pixels = np.rint(splits.validation.x * np.array(splits.scaling.std) + np.array(splits.scaling.mean))
    session = onnxruntime.InferenceSession("digits.onnx")
    (outputs,) = session.run(["output"], {"input": pixels.astype(np.float32)})
    found = measure(outputs, splits.validation, splits.task, "val")["val_accuracy"]
    assert found == json.loads(evonas("front", finished, "--json").stdout)[-1]["val_accuracy"]
    assert f"val_accuracy {found:.4f} with float32 weights, {found:.4f} in the run" in result.stdout
    assert session.get_modelmeta().description.startswith(f"individual {best} of finished, digits: weights of the ")


def test_without_the_optional_packages_onnx_is_refused_with_the_remedy(
    evonas: Evonas, finished: Path, best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evonas.runtimes.onnx_session.find_spec", lambda name: None)
    result = evonas("export", finished, best, "--format", "onnx", "--out", "n.onnx")
    assert result.exit_code == 2
    message = "the format onnx needs onnx and onnxruntime and onnxscript: pip install 'evonas[onnx]'"
    assert message in result.stderr.replace("\n", "")
    assert not Path("n.onnx").exists()


def test_without_a_compiler_c_is_written_and_called_unchecked(
    evonas: Evonas, finished: Path, best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    result = evonas("export", finished, best, "--format", "c", "--out", "n.c")
    assert result.exit_code == 0
    assert "neither checked nor timed: there is no C compiler here" in result.stdout
    assert "int main(" in Path("n.c").read_text()


@needs_compiler
def test_a_run_with_a_hostile_name_gives_harmless_c(evonas: Evonas, run: Path, best: int) -> None:
    hostile = run.rename(run.parent / '*\\ *??').rename(run.parent / '"; evil(); \\n#include <x> *')
    result = evonas("export", hostile, best, "--format", "c", "--out", "x int evil (1).c")
    assert result.exit_code == 0, result.output
    source = Path("x int evil (1).c").read_text()
    assert "void x_int_evil_1_run(" in source


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing", "there is no file"),
        ("cut", "is not a network exported by evonas"),
        ("text", "is not a network exported by evonas"),
        ("other tensors", "is not a network exported by evonas"),
        ("genotype", "is not a network exported by evonas"),
        ("newer", "has format 9, this evonas reads up to 2: upgrade evonas"),
        ("weights", r"edge.*\(3,\)"),
    ],
)
def test_a_file_that_holds_no_whole_network_is_refused(exported: Path, damage: str, message: str) -> None:
    content, tensors = exported.read_bytes(), safetensors.numpy.load_file(exported)
    with safetensors.safe_open(exported, "np") as file:
        header = json.loads(file.metadata()["evonas"])
    if damage == "missing":
        exported.unlink()
    elif damage in ("cut", "text"):
        exported.write_bytes(content[:-1] if damage == "cut" else b"a network")
    elif damage == "other tensors":
        safetensors.numpy.save_file(tensors, exported)
    else:
        header["format"] = 9 if damage == "newer" else 1
        if damage == "weights":
            tensors["weights.edge"] = np.zeros(3, np.float32)
        if damage == "genotype":
            del tensors["genotype.positions"]
        safetensors.numpy.save_file(tensors, exported, metadata={"evonas": json.dumps(header)})
    with pytest.raises(UserError, match=message):
        evonas.load(exported)


def test_an_unknown_attribute_of_the_package_is_named() -> None:
    with pytest.raises(AttributeError, match="'evonas' has no attribute 'laod'"):
        evonas.laod  # noqa: B018
