"""C of layers computes what torch computes: each layer alone, with odd sizes, and several together."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evonas.capabilities.export import ExportTarget, Precision
from evonas.data.samples import Scaling
from evonas.export.layers.c_program import layer_program
from evonas.export.layers.recording import layers_of
from evonas.runtimes.compiled import STRICT, compiled, find_compiler
from evonas.types import Task
from tests.evonas.export.layers.programs import BYTES, PLAIN, check, check_module, program_of, stirred

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
IMAGE, SIGNAL = (3, 7, 9), (2, 17)


def vector(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*layers, nn.Flatten())


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # torch, of its own speed
@pytest.mark.parametrize("convolution", [
    nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3, bias=False, padding=1), nn.Conv2d(3, 5, 1), nn.Conv2d(3, 2, (2, 5)),
    nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(3, 4, 3, stride=(3, 2), padding=(2, 0)),
    nn.Conv2d(3, 4, 3, dilation=2, padding=2), nn.Conv2d(3, 4, (3, 2), dilation=(1, 3), padding=(0, 4)),
    nn.Conv2d(3, 3, 3, groups=3, padding=1), nn.Conv2d(3, 3, 5, groups=3, padding=4, dilation=2, stride=2),
    nn.Conv2d(3, 6, 3, groups=3), nn.Conv2d(3, 4, 4, padding="same"), nn.Conv2d(3, 4, 3, padding="valid"),
    nn.Conv2d(3, 4, 7, padding=3), nn.Conv2d(3, 1, (7, 9)), nn.Conv2d(3, 3, 1, groups=3, padding=1),
], ids=str)
def test_a_convolution_of_images(convolution: nn.Conv2d) -> None:
    check_module(vector(convolution), IMAGE)


def test_a_grouped_convolution() -> None:
    check_module(vector(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 4, 3, groups=2, padding=1, stride=2)), IMAGE)


@pytest.mark.parametrize("convolution", [
    nn.Conv1d(2, 3, 5), nn.Conv1d(2, 3, 4, stride=3, padding=2), nn.Conv1d(2, 2, 3, groups=2, dilation=3, padding=3),
    nn.Conv1d(2, 3, 17), nn.Conv1d(2, 3, 2, padding="same"),
], ids=str)
def test_a_convolution_of_signals(convolution: nn.Conv1d) -> None:
    check_module(vector(convolution), SIGNAL)


@pytest.mark.parametrize("pool", [
    nn.MaxPool2d(2), nn.MaxPool2d(3, 1, 1), nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, ceil_mode=True),
    nn.MaxPool2d((2, 3), (3, 1), (1, 0), dilation=(1, 2)), nn.MaxPool2d(4, 3, 2, ceil_mode=True),
    nn.AvgPool2d(2), nn.AvgPool2d(3, 1, 1), nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    nn.AvgPool2d(2, ceil_mode=True), nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), nn.AvgPool2d(4, 3, 2, ceil_mode=True),
    nn.AvgPool2d((3, 2), (1, 3), (0, 1)), nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d(2),
    nn.AdaptiveAvgPool2d((7, 3)), nn.AdaptiveAvgPool2d((None, 1)),
], ids=str)
def test_a_pool_of_images(pool: nn.Module) -> None:
    check_module(vector(pool), IMAGE)


@pytest.mark.parametrize("pool", [
    nn.MaxPool1d(3, 2, 1), nn.MaxPool1d(4, ceil_mode=True), nn.AvgPool1d(3, 2, 1), nn.AvgPool1d(4, 3, ceil_mode=True),
    nn.AvgPool1d(3, 2, 1, count_include_pad=False), nn.AdaptiveAvgPool1d(1),
], ids=str)
def test_a_pool_of_signals(pool: nn.Module) -> None:
    check_module(vector(pool), SIGNAL)


@pytest.mark.parametrize("layer", [
    nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.Hardtanh(-0.5, 0.25), nn.BatchNorm2d(3),
    nn.BatchNorm2d(3, affine=False), nn.Identity(), nn.Dropout(0.5), nn.Dropout2d(0.5), nn.ZeroPad2d((1, -2, 0, 3)),
], ids=str)
def test_a_layer_without_weights_of_its_own(layer: nn.Module) -> None:
    check_module(vector(layer), IMAGE)


@pytest.mark.parametrize("module", [
    nn.Linear(5, 3), nn.Sequential(nn.Linear(5, 4, bias=False), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)),
    nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 2)), nn.Sequential(nn.ReLU(), nn.BatchNorm1d(5)),
], ids=["linear", "norm between", "norm first", "norm last"])
def test_layers_of_features(module: nn.Module) -> None:
    check_module(module, (5,))


@pytest.mark.parametrize("module", [
    vector(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), vector(nn.MaxPool2d(2), nn.BatchNorm2d(3), nn.ReLU()),
    vector(nn.ReLU(), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4)),
    nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.BatchNorm1d(4 * 5 * 7), nn.ReLU()),
    nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.ReLU(), nn.Linear(4 * 5 * 7, 6), nn.BatchNorm1d(6)),
    vector(nn.ZeroPad2d((0, 1, 2, 0)), nn.Conv2d(3, 4, 3, padding=1)),
    vector(nn.ZeroPad2d(1), nn.AvgPool2d(3, 2)), vector(nn.ConstantPad2d(1, 0.0), nn.MaxPool2d(2)),
], ids=lambda module: "-".join(type(part).__name__ for part in module))
def test_layers_one_after_the_other(module: nn.Module) -> None:
    check_module(module, IMAGE)


class Branches(nn.Module):
    """Sums of terms that are read by others too, twice, and after more; concatenations in each other."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.ways = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(4))
        self.norm = nn.BatchNorm2d(12)
        self.each = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.last = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        a = self.ways[0](x).relu() + x
        b = self.ways[1](a) + (self.ways[2](x) + a) + x
        c = b + b + nn.functional.relu6(b)
        joined = torch.cat([torch.cat([a, c], 1), self.ways[3](c)], 1)
        y = self.each(self.norm(joined).relu()) + joined
        y += joined
        outputs: Tensor = self.last(y.mean((2, 3)))
        return outputs


@pytest.mark.parametrize("target", [PLAIN, BYTES], ids=["floats", "bytes"])
def test_branches_that_meet(target: ExportTarget) -> None:
    check_module(Branches(), IMAGE, target)


def small(shape: tuple[int, ...] = IMAGE, n_outputs: int = 3) -> nn.Module:
    torch.manual_seed(1)
    return stirred(nn.Sequential(
        nn.Conv2d(shape[0], 4, 3, stride=2, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4),
        nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, n_outputs),
    ))


@pytest.mark.parametrize("target", [
    ExportTarget("net", Scaling([[[40.0]], [[90.0]], [[20.0]]], [[[30.0]], [[70.0]], [[50.0]]]), True),
    ExportTarget("net", Scaling(np.linspace(9, 60, 189).reshape(IMAGE).tolist(), 50.0), True),
    ExportTarget("net", Scaling(2016.0, 0.3), False),
    ExportTarget("net", Scaling(1e7, 1.0, input_type="float64"), False),
    ExportTarget("net", Scaling(), False, stem="my net (1)"),
], ids=["channels", "places", "far", "doubles", "plain"])
def test_inputs_are_normalised_in_the_units_of_the_data(target: ExportTarget) -> None:
    program = program_of(small(), IMAGE, target)
    if target.stem:
        with compiled(program.files([]), "net", 3, stem=target.stem) as network:
            assert network.run(np.zeros((1, *IMAGE), np.float32)).shape == (1, 3)
    else:
        check(program)


def test_missing_values_are_imputed() -> None:
    torch.manual_seed(0)
    scaling = Scaling([1.0, 2.0, 3.0], [2.0, 1.0, 0.5], fill=[5.0, 6.0, 7.0])
    program = program_of(nn.Linear(3, 2).eval(), (3,), ExportTarget("net", scaling, False))
    with compiled(program.files([]), "net", 2) as network:
        found = network.run(np.array([[np.nan, 2.0, np.nan], [5.0, 2.0, 7.0]], np.float32))
    np.testing.assert_array_equal(found[0], found[1])


def test_predictions_are_in_the_units_of_the_targets() -> None:
    scaling = Scaling(target_mean=[5.0, 600.0, 7.0], target_std=[20.0, 3.0, 0.1])
    module, task = small(), Task("regression", IMAGE, 3)
    precisions: tuple[Precision, ...] = ("float32", "int8-weights")
    for precision in precisions:
        target = ExportTarget("net", scaling, False, precision)
        program = layer_program(layers_of(module, IMAGE), module, task, target)
        assert b"classify" not in program.files([])[".h"]
        check(program)


def test_int8_weights_have_the_scale_of_their_channel() -> None:
    module = nn.Conv2d(3, 2, 3)
    module.weight.data[1] *= 1000
    program = program_of(nn.Sequential(module, nn.Flatten()), IMAGE, replace(PLAIN, precision="int8-weights"))
    stored = program.numbers.weights[1]
    assert stored.values.dtype == np.int8
    assert np.abs(stored.values.reshape(2, -1).astype(int)).max(axis=1).tolist() == [127, 127]
    worth = stored.worth.reshape(module.weight.shape)
    assert np.abs(worth - module.weight.detach().numpy())[0].max() <= np.abs(worth[0]).max() / 127 * 0.501
    floats = program_of(nn.Sequential(module, nn.Flatten()), IMAGE)
    assert program.sizes["flash"] == floats.sizes["flash"] - 3 * 54 + 2 * 4
    assert program.sizes["ram"] == floats.sizes["ram"]


def test_buffers_take_the_place_of_what_is_no_longer_read() -> None:
    layers = [nn.Conv2d(4, 4, 3, padding=1) for _ in range(5)]
    deep = nn.Sequential(nn.Conv2d(3, 4, 1), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    n_image = 4 * 7 * 9
    assert program_of(deep, IMAGE, BYTES).sizes["ram"] == 4 * 2 * n_image


@pytest.mark.parametrize("weights", [np.nan, np.inf, 1e39])
def test_weights_that_are_not_finite_are_not_exported(weights: float) -> None:
    module = nn.Linear(5, 2).double()
    module.weight.data[0, 1] = weights
    with pytest.raises(ValueError, match="weights of layer 1 hold values that are not finite"):
        program_of(module, (5,))


def test_names_and_remarks_of_any_characters_stay_where_they_are(tmp_path: Path) -> None:
    names = ("größe", "*/ int x;", 'a "quote"??/')
    program = program_of(small(), IMAGE, replace(PLAIN, classes=names))
    files = program.files(['*/ #error "left"', "*??/\n/ #error", "ünïcödé */"])
    with compiled(files, "net", 3):
        pass
    for suffix, text in files.items():
        text.decode("ascii")
        (tmp_path / f"net{suffix}").write_bytes(text)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "net.h"\nint main(void) { const char *const names[] = NET_CLASS_NAMES; int i; '
        "for (i = 0; i < NET_OUTPUTS; i++) puts(names[i]); return 0; }\n"
    )
    subprocess.run([*(find_compiler() or ()), *STRICT, "main.c", "-o", "main"], check=True, cwd=tmp_path)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout.decode()
    assert printed.splitlines() == list(names)


def test_two_networks_share_a_file_and_one_compiles_as_cpp(tmp_path: Path) -> None:
    for name in ("one", "two"):
        for suffix, text in program_of(small(), IMAGE, replace(PLAIN, name=name)).files([]).items():
            (tmp_path / f"{name}{suffix}").write_bytes(text)
    (tmp_path / "both.c").write_text(
        '#include "one.c"\n#include "two.c"\nint main(void) { static float x[ONE_INPUTS]; '
        "return (int)(one_classify(x) - two_classify(x)); }\n"
    )
    compiler = [*(find_compiler() or ()), *STRICT]
    subprocess.run([*compiler, "both.c", "-o", "both"], check=True, cwd=tmp_path)
    assert subprocess.run([tmp_path / "both"]).returncode == 0
    if (cpp := shutil.which("g++")) is not None:
        subprocess.run([cpp, "-Wall", "-Wextra", "-Werror", "-c", "one.c", "-o", "one.o"], check=True, cwd=tmp_path)


def test_sanitizers_find_nothing(tmp_path: Path) -> None:
    for precision in ("float32", "int8-weights"):
        program = program_of(stirred(Branches()), IMAGE, replace(BYTES, precision=precision))
        for suffix, text in program.files([]).items():
            (tmp_path / f"net{suffix}").write_bytes(text)
        flags = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DNET_MAIN"]
        built = subprocess.run([*(find_compiler() or ()), *STRICT, *flags, "net.c", "-o", "net"], cwd=tmp_path,
                               capture_output=True, text=True)
        if "cannot find" in built.stderr:
            pytest.skip("the compiler has no sanitizers")
        assert built.returncode == 0, built.stderr
        inputs = np.random.default_rng(0).integers(0, 256, (3, *IMAGE)).astype(np.uint8).tobytes()
        done = subprocess.run([tmp_path / "net"], input=inputs, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert len(done.stdout.split()) == 3 * 5


def test_the_source_has_no_heap_and_no_library() -> None:
    source = program_of(small(), IMAGE, BYTES).files([])[".c"].decode().partition("#ifdef NET_MAIN")[0]
    for word in ("malloc", "calloc", "free(", "sqrtf", "expf", "memcpy"):
        assert word not in source
