"""Time of one image in exported C, and in dense networks of as many parameters in onnxruntime.

    python -m scripts.benchmarks.export                      founders of the neuron space, 28 x 28 random pixels
    python -m scripts.benchmarks.export --run runs/fashion   the front of a run

All run on one core, measured in CPU time, taking turns; a ratio is that of onnxruntime to C: above 1, C is faster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
import typer
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table

from evonas.capabilities.export import ExportTarget, Precision
from evonas.cli.failing import exit_codes
from evonas.data.samples import Scaling
from evonas.front import front
from evonas.run.open import open_run
from evonas.runtimes.compiled import CompiledNetwork, compiled
from evonas.types import Floats, Task, Weights
from search_spaces.neuron.space import NeuronSpace, create
from search_spaces.neuron.weights import fresh

PIXELS = Scaling([[[73.0]]], [[[90.0]]])
SIZES = (800, 2_650, 7_000, 21_000, 50_500, 100_000)
ROUNDS = 5


def founders() -> Iterator[tuple[NeuronSpace, Any, Weights]]:
    for seed, size in enumerate(SIZES):
        options = {"founders": "log-uniform", "founder_edges": (size, size)}
        space = create(Task("classification", (1, 28, 28), 10), options)
        rng = np.random.default_rng(seed)
        genotype = space.sample(rng)
        yield space, genotype, fresh(genotype, rng)


def members(path: Path) -> Iterator[tuple[NeuronSpace, Any, Weights]]:
    with open_run(path) as run:
        best = front(run.store.records(), run.objectives)
        for record in best[:: max(1, len(best) // len(SIZES))]:
            member = run.store.member(record.id)
            weights = run.store.weights(*member.evaluation.key)
            assert weights is not None
            assert isinstance(run.space, NeuronSpace)
            yield run.space, member.genotype, weights


def dense_width(n_inputs: int, n_outputs: int, n_params: int) -> int:
    """Return the number of hidden neurons that gives the number of parameters nearest to ``n_params``.

    Args:
        n_inputs: Number of inputs.
        n_outputs: Number of outputs.
        n_params: Number of parameters.
    """
    return max(1, round((n_params - n_outputs) / (n_inputs + n_outputs + 1)))


def dense_session(n_inputs: int, n_outputs: int, n_params: int) -> onnxruntime.InferenceSession:
    """Return a session of a dense network with one hidden layer, on one thread.

    Args:
        n_inputs: Number of inputs.
        n_outputs: Number of outputs.
        n_params: Number of parameters, nearly.
    """
    width = dense_width(n_inputs, n_outputs, n_params)
    rng = np.random.default_rng(0)
    arrays = {"w": (n_inputs, width), "b": (width,), "v": (width, n_outputs), "c": (n_outputs,)}
    constants = [numpy_helper.from_array(rng.normal(size=s).astype(np.float32), n) for n, s in arrays.items()]
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["z"]), helper.make_node("Relu", ["z"], ["h"]),
        helper.make_node("Gemm", ["h", "v", "c"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, s]) for n, s in (("x", n_inputs), ("y", n_outputs))]
    graph = helper.make_graph(nodes, "dense", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def dense_seconds(session: onnxruntime.InferenceSession, x: Floats, *, bound: bool) -> float:
    """Return the CPU time for one sample.

    Args:
        session: A network.
        x: One sample.
        bound: Whether to leave out the time that Python takes to hand arrays over.
    """
    binding = session.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y")
    blocks = []
    for _ in range(11):
        begin = time.thread_time()
        for _ in range(100):
            session.run_with_iobinding(binding) if bound else session.run(None, {"x": x})
        blocks.append((time.thread_time() - begin) / 100)
    return float(np.median(blocks[1:]))


def row(space: NeuronSpace, genotype: Any, weights: Weights) -> list[str]:
    """Return edges, parameters, microseconds of each contestant, and their ratios.

    Args:
        space: The space.
        genotype: A genotype.
        weights: Its weights.
    """
    task, params = space.task, int(space.cost(genotype)["params"])
    pixels = np.random.default_rng(1).integers(0, 256, (64, *task.input_shape)).astype(np.uint8)
    session = dense_session(task.n_inputs, task.n_outputs, params)
    x = pixels[:1].reshape(1, -1).astype(np.float32)
    contestants: dict[str, tuple[Precision, bool]] = {
        "float32": ("float32", False), "int8-weights": ("int8-weights", False), "portable": ("float32", True)
    }
    times: dict[str, list[float]] = {name: [] for name in (*contestants, "run", "bound")}
    flash: dict[str, int] = {}
    with ExitStack() as stack:
        programs: dict[str, CompiledNetwork] = {}
        for name, (precision, portable) in contestants.items():
            program = space.export(genotype, weights, "c", ExportTarget("network", PIXELS, True, precision))
            flash[name] = program.sizes["flash"]
            network = compiled(program.files([]), "network", task.n_outputs, portable=portable)
            programs[name] = stack.enter_context(network)
        for _ in range(ROUNDS):
            for name, network_ in programs.items():
                times[name].append(network_.time(pixels).seconds)
            for name in ("run", "bound"):
                times[name].append(dense_seconds(session, x, bound=name == "bound"))
    micro = {name: 1e6 * min(seconds) for name, seconds in times.items()}
    n = genotype.n_edges
    return [
        f"{n:,}", f"{params:,}", *(f"{micro[name]:.1f}" for name in times), f"{micro['run'] / micro['float32']:.1f}",
        f"{micro['bound'] / micro['float32']:.1f}", *(f"{1e3 * micro[name] / n:.2f}" for name in contestants),
        f"{flash['float32'] / n:.2f}", f"{flash['int8-weights'] / n:.2f}",
    ]


@exit_codes()
def main(
    run: Annotated[Path | None, typer.Option(help="A run of the neuron space [its founders].")] = None,
) -> None:
    """Print the time of one image in exported C, and in dense networks of as many parameters in onnxruntime."""
    table = Table(title="one image, microseconds on one core")
    for heading in (
        "edges", "parameters", "C float32", "C int8", "portable C", "dense, run()", "dense, bound", "ratio to run()",
        "ratio to bound", "ns an edge", "int8-weights", "portable", "flash an edge", "int8-weights",
    ):
        table.add_column(heading, justify="right")
    for network in founders() if run is None else members(run):
        table.add_row(*row(*network))
    Console(width=160).print(table)


if __name__ == "__main__":
    typer.run(main)
