"""Any module of torch of the listed layers is written as C by one call, after a comparison with torch."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import evonas
from evonas.capabilities.export import Precision
from evonas.runtimes.compiled import STRICT, find_compiler
from evonas.types import UserError

needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, groups=4),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )


@needs_compiler
@pytest.mark.parametrize("precision", ["float32", "int8-weights"])
def test_a_sequential_is_written_and_labels_as_torch_does(tmp_path: Path, precision: Precision) -> None:
    module = network().train()
    written = evonas.export_module(
        module, tmp_path / "my net.c", input_shape=(1, 9, 7), precision=precision, input_type="uint8",
        mean=73.0, std=90.0, classes=["a", "b", "c"],
    )
    assert module.training
    assert [path.name for path in written.paths] == ["my net.c", "my net.h"]
    assert any("bytes of flash" in remark for remark in written.remarks)
    assert any("it gives what torch gives on 32 " in remark for remark in written.remarks)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "my net.h"\nint main(void) { static my_net_input x[MY_NET_INPUTS]; '
        "while (fread(x, sizeof x, 1, stdin) == 1) printf(\"%u\\n\", my_net_classify(x)); return 0; }\n"
    )
    command = [*(find_compiler() or ()), *STRICT, "main.c", "my net.c", "-o", "main"]
    subprocess.run(command, check=True, cwd=tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (200, 1, 9, 7)).astype(np.uint8)
    printed = subprocess.run([tmp_path / "main"], input=pixels.tobytes(), capture_output=True, check=True).stdout
    with torch.no_grad():
        expected = module.eval()((torch.from_numpy(pixels).float() - 73) / 90).argmax(1).numpy()
    agree = np.mean(np.array(printed.split(), int) == expected)
    assert agree == 1 if precision == "float32" else agree > 0.9


@pytest.mark.parametrize(("change", "message"), [
    ({"out": "net.onnx"}, "out must end in .c, got net.onnx"), ({"out": "int.c"}, "'int' cannot be the name"),
    ({"precision": "int4"}, "precision must be float32 or int8-weights, got 'int4'"),
    ({"input_shape": (1, 9, 7, 2)}, r"input_shape must be \(channels, height, width\)"),
    ({"input_shape": (2, 9, 7)}, "this module cannot be exported: .*channels"),
    ({"classes": ["a"]}, "there are 1 classes for 3 outputs"),
    ({"input_shape": 63}, "input_shape must be .* whole numbers above 0, got 63"),
    ({"input_shape": (1, 9.5, 7)}, "input_shape must be .* whole numbers above 0"),
    ({"kind": "foo"}, "kind must be classification or regression, got 'foo'"),
    ({"input_type": "foo"}, "input_type must be uint8 or float32 or float64, got 'foo'"),
    ({"input_type": "int16"}, "input_type must be uint8 or float32 or float64, got 'int16'"),
    ({"mean": [1.0, 2.0]}, r"mean must be a number, or .* one sample of shape \(1, 9, 7\), got \[1.0, 2.0\]"),
    ({"mean": [[1.0], [2.0, 3.0]]}, "mean must be a number"), ({"mean": "1.0"}, "mean must be a number"),
    ({"mean": None}, "mean must be a number"), ({"mean": float("nan")}, "mean must be finite, got nan"),
    ({"std": np.ones((2, 1, 9, 7))}, "std must be a number"), ({"input_shape": ((1, 9), 7)}, "input_shape must be"),
    ({"std": [[[0.0]]]}, r"std must be above 0 in float32, got \[\[\[0.0"),
    ({"std": 0}, "std must be above 0 in float32, got 0: give 1"),
    ({"std": -1.0}, "std must be above 0 in float32, got -1.0"),
    ({"std": float("inf")}, "std must be finite"), ({"std": 1e-300}, "std must be above 0"),
    ({"samples": np.full((3, 1, 9, 7), np.nan)}, "samples must be finite numbers"),
    ({"samples": np.float32(3)}, r"samples must have the shape \(n, 1, 9, 7\), got \(\)"),
    ({"samples": np.zeros((3, 2))}, r"samples must have the shape \(n, 1, 9, 7\), got \(3, 2\)"),
    ({"samples": np.full((3, 1, 9, 7), 0.5), "input_type": "uint8"}, "samples must be whole numbers from 0 to 255"),
    ({"module": nn.Sequential(nn.Flatten(), nn.Linear(63, 2), nn.GELU())}, "no layer for torch's .*gelu"),
])
def test_what_cannot_be_written_is_refused_and_nothing_is(
    change: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = {"module": network(), "out": "net.c", "input_shape": (1, 9, 7), **change}
    module, out = arguments.pop("module"), arguments.pop("out")
    with pytest.raises(UserError, match=message):
        evonas.export_module(module, out, **arguments)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


class Branches(nn.Module):
    """A module whose code depends on what the recording of one sample cannot see."""

    def __init__(self, case: str) -> None:
        super().__init__()
        self.case, self.first, self.second = case, nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.case == "rows":
            x = x.view(1, -1)[:, :4] if len(x) > 1 else x.view(1, -1)
        y: torch.Tensor = self.second(x) if len(x) > 1 else self.first(x)
        return y


@pytest.mark.parametrize("precision", ["float32", "int8-weights"])
@pytest.mark.parametrize(("case", "message"), [
    ("number", "its layers, recorded on one sample, differ from it by .* on 32 samples, expected at most 1e-05"),
    ("rows", r"outputs of shape \(1, 3\) for 32 samples, expected \(32, 3\)"),
])
def test_layers_that_are_not_those_of_the_module_are_refused_in_every_precision(
    precision: Precision, case: str, message: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    with pytest.raises(UserError, match=f"this module cannot be exported: .*{message}"):
        evonas.export_module(Branches(case), tmp_path / "net.c", input_shape=(4,), precision=precision)
    assert not any(tmp_path.iterdir())


def test_outputs_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    module = nn.Linear(4, 3)
    nn.init.constant_(module.weight, float("nan"))
    with pytest.raises(UserError, match="its outputs are not finite on the samples"):
        evonas.export_module(module, tmp_path / "net.c", input_shape=(4,), precision="int8-weights")


@needs_compiler
def test_a_regression_on_features_has_no_classes(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    samples = np.random.default_rng(0).normal(5, 2, (10, 4))
    evonas.export_module(module, tmp_path / "net.c", input_shape=(4,), kind="regression", mean=[5.0] * 4, std=2.0,
                         samples=samples)
    assert "classify" not in (tmp_path / "net.h").read_text()
