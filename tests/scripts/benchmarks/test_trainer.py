"""The benchmark compares equal networks, and writes the rows that it documents. No test asserts a time."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterator
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from rich.console import Console

from evonas.data.locating import DATA_VARIABLE
from scripts.benchmarks.trainer import cells, formats, memory, networks, packages, peers, steps, tables, throughput
from scripts.benchmarks.trainer.command import main
from scripts.benchmarks.trainer.networks import Shape
from search_spaces.neuron.layering import pair_capacities, pair_counts
from tests.search_spaces.neuron.reference import forward, parameters

SHAPE = Shape((1, 6, 6), (12, 9, 5), 64)
FORMATS = [name for name in ("masked_dense", "csr", "padded_gather", "torch_sparse") if
           name != "torch_sparse" or find_spec("torch_sparse")]


@pytest.fixture(autouse=True)
def small_shape(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A shape named "tiny"; networks and data of other tests are forgotten."""
    n_threads = torch.get_num_threads()
    monkeypatch.setitem(networks.SHAPES, "tiny", SHAPE)
    networks.local_network.cache_clear()
    networks.random_splits.cache_clear()
    yield
    torch.set_num_threads(n_threads)


def module_of(name: str) -> torch.nn.Module:
    module = formats.torch_module(name, networks.local_network("tiny", 0.1), 16)
    assert module is not None
    return module


def test_every_pair_of_layers_has_its_share_of_edges_and_no_neuron_is_left_out() -> None:
    genotype = networks.local_network("tiny", 0.3).genotype
    genotype.validate()
    assert genotype.n_hidden == sum(SHAPE.hidden)
    capacities = pair_capacities(genotype)
    assert capacities.sum() == SHAPE.n_pairs
    wanted = np.where(capacities, np.maximum(1, np.round(0.3 * capacities)), 0)
    extra = pair_counts(genotype) - wanted
    assert (extra >= 0).all()
    assert extra.sum() <= 3  # at this density few neurons lack an input or an output


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_computes_the_network(name: str) -> None:
    network = networks.local_network("tiny", 0.1)
    x = np.random.default_rng(0).normal(size=(7, SHAPE.n_inputs)).astype(np.float32)
    expected = forward(network, torch.from_numpy(x).double(), *parameters(network)).detach().numpy()
    outputs = module_of(name)(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FORMATS[1:])
def test_formats_stay_equal_in_training_and_train_no_absent_edge(name: str) -> None:
    splits = networks.random_splits(SHAPE.n_inputs, SHAPE.n_samples)
    x = torch.from_numpy(splits.train.flat)
    outputs = []
    for module in (module_of("masked_dense"), module_of(name)):
        before = module(x).detach()
        steps.AutogradSteps(module, splits, 16, 1).seconds(6)
        outputs.append(module(x).detach())
        assert (outputs[-1] - before).abs().max() > 0.01
    torch.testing.assert_close(*outputs, rtol=1e-3, atol=1e-3)


def test_flops_count_two_products_of_every_edge_and_a_third_where_a_gradient_is_passed_on() -> None:
    genotype = networks.local_network("tiny", 0.1).genotype
    n_from_inputs = int((genotype.edges[:, 0] < SHAPE.n_inputs).sum())
    assert networks.step_flops(genotype, 16) == 16 * (6 * genotype.n_edges - 2 * n_from_inputs)


def test_the_command_writes_the_documented_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.json"
    main(shape=["tiny"], density=[0.1], batch=[16], threads=[1, 2], seconds=0.001, json_file=file)
    rows = json.loads(file.read_text())
    for row in rows:
        assert list(row) == ["shape", "density", "batch", "threads", "backend", "ratio", "ms", "gflops"]
        assert (row["shape"], row["density"], row["batch"]) == ("tiny", 0.1, 16)
    assert {row["threads"] for row in rows} == {1, 2}
    assert {row["backend"] for row in rows} >= {"masked_dense", "dense_layer", "csr", "padded_gather", "embedding_bag"}
    assert {row["ratio"] for row in rows if row["backend"] == "masked_dense"} == {1.0}
    assert "tiny 10.0%" in capsys.readouterr().out


def test_backends_that_would_need_too_much_memory_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MOST_GATHERED", 0)
    rows = cells.measure(cells.Cell("tiny", 0.1, 16, 1), seconds=0.001, backends=("masked_dense", "padded_gather"))
    assert [row.backend for row in rows] == ["masked_dense"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": ["X"]}, "unknown shape 'X', there are: L, M, S, tiny"),
        ({"density": [0.0]}, "expected a density in \\(0, 1\\], got 0.0"),
        ({"threads": [0]}, "expected positive numbers of samples and threads, got 0"),
    ],
)
def test_bad_options_are_named(options: dict[str, list[str]], message: str) -> None:
    with pytest.raises(typer.BadParameter, match=message):
        main(**options)  # type: ignore[arg-type]


def test_the_table_fits_120_columns_and_a_pipe_shows_what_was_missed() -> None:
    targets = list(cells.TARGETS)
    rows = [cells.Row(*cell, name, 1.25, 505.05, 22.8) for cell in targets for name in steps.BACKENDS]
    file = io.StringIO()
    Console(width=120, file=file).print(tables.ratio_table(rows, 113.0))
    printed = file.getvalue()
    assert "…" not in printed
    assert "505.1" in printed
    assert "20%" in printed  # of the peak
    assert "80 !" in printed


@pytest.mark.skipif(not steps.available(), reason="the native trainer was not built")
def test_peers_take_turns_with_a_native_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "N_SAMPLES", 512)
    monkeypatch.setattr(peers, "N_EDGES", 2000)
    seconds, found = peers.compare(rounds=1)
    assert seconds > 0
    assert [peer.name for peer in found][:2] == ["dense 784-32-10, batches gathered", "dense 784-32-10, batches ready"]
    for peer in found:
        assert peer.ratio == pytest.approx(peer.seconds / seconds)
        flops = peers.dense_flops(256) if peer.name.startswith("dense") else networks.step_flops(
            networks.local_network("S", 2000 / networks.SHAPES["S"].n_pairs).genotype, 256
        )
        assert peer.gflops == pytest.approx(2 * flops / peer.seconds / 1e9)


def test_the_command_writes_the_machine_and_the_peers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "N_SAMPLES", 512)
    monkeypatch.setattr(peers, "N_EDGES", 2000)
    monkeypatch.setattr(peers, "CELLS", (cells.Cell("tiny", 0.1, 16, 1),))
    monkeypatch.setattr(peers, "peak_gflops", lambda: 50.0)
    file = tmp_path / "peers.json"
    main(peers=True, seconds=0.001, json_file=file)
    document = json.loads(file.read_text())
    assert list(document) == ["machine", "native_seconds", "epochs", "steps"]
    assert document["machine"]["peak_gflops"] == 50
    assert {row["backend"] for row in document["steps"]} >= {"masked_dense"}
    printed = " ".join(capsys.readouterr().out.split())
    assert "one thread has 50 GFLOP/s in torch's product" in printed
    for package in packages.INSTALL:
        assert (f"{package} is not installed; to compare with it" in printed) == (find_spec(package) is None)
        assert any(row["backend"] == package for row in document["steps"]) == (find_spec(package) is not None)


def test_the_machine_says_its_extensions_for_vectors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peers, "peak_gflops", lambda: 50.0)
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: Some 9\nflags\t\t: fpu fma avx avx2\n\nmodel name\t: Some 9\n")
    assert peers.machine(cpuinfo) == ("Some 9", ("AVX2", "FMA"), 50.0)
    elsewhere = peers.machine(tmp_path / "none")
    assert elsewhere.instruction_sets == (torch.backends.cpu.get_cpu_capability(),)


@pytest.mark.skipif(find_spec("sparseprop") is None, reason=f"needs sparseprop: {packages.INSTALL['sparseprop']}")
def test_sparseprop_has_the_same_edges_and_computes_the_network() -> None:
    network = networks.local_network("tiny", 0.1)
    module = packages.package_module("sparseprop", network)
    assert module is not None
    assert sum(p.numel() for name, p in module.named_parameters() if "weight" in name) == network.genotype.n_edges
    x = np.random.default_rng(0).normal(size=(16, SHAPE.n_inputs)).astype(np.float32)
    expected = forward(network, torch.from_numpy(x).double(), *parameters(network)).detach().numpy()
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not steps.available(), reason="the native trainer was not built")
def test_throughput_trains_the_same_candidates_with_both_trainers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setattr(throughput, "N_TRAIN", 64)
    monkeypatch.setattr(throughput, "N_VALIDATION", 32)
    monkeypatch.setattr(throughput, "EDGES", (800, 1000))
    data, found = throughput.throughput(tmp_path, 3)
    assert data in ("random data", "fashion-mnist")  # whichever is on this machine
    assert [one.trainer for one in found] == ["native", "dense"]
    assert all(one.per_minute > 0 for one in found)


@pytest.mark.skipif(not (steps.available() and Path("/proc/self/clear_refs").exists()), reason="needs native, Linux")
def test_memory_counts_what_training_takes_beyond_the_samples() -> None:
    small = pickle.dumps(networks.local_network("L", 0.001))
    large = networks.local_network("L", 0.05)
    with get_context("spawn").Pool(1) as pool:
        measured = pool.apply(memory.measure_here, (pickle.dumps(large), small, 64))
    assert measured.n_edges == large.genotype.n_edges
    assert measured.samples == 64 * 3072 * 4 / 1e6
    parameters_and_adam = 3 * large.edge.nbytes / 1e6
    assert measured.training > parameters_and_adam
