"""Model card of a network: a README whose header, in YAML, is what the Hugging Face Hub reads.

Texts of users (names of runs, data sets, classes, commands) are escaped: in YAML as double-quoted strings, in Markdown
as text without markup, or in a block of code that they cannot end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from evonas.data.samples import Splits
from evonas.objectives.metrics import METRICS
from evonas.run.package import Package
from evonas.types import Task

#: Names that the Hub has for metrics; others are left out of its table.
HUB_METRICS = {"accuracy": "accuracy", "mse": "mse", "r2": "r_squared", "loss": "loss"}
#: Parts of a data set by the beginning of a metric's name.
SPLITS = {"val": "validation", "test": "test"}
#: Characters that have a meaning in Markdown or HTML.
_MARKUP = re.compile(r"[\\`*_{}\[\]()<>#+\-.!|~&$:@]")
_BACKTICKS = re.compile(r"`+")


class Command(NamedTuple):
    """A command line, and a file that it reads.

    Attributes:
        line: The command.
        settings: Text of the file ``run.toml``; empty if the command reads none.
    """

    line: str
    settings: str = ""


def model_card(
    package: Package, splits: Splits, files: Mapping[str, str], remarks: Sequence[str], commands: Sequence[Command]
) -> str:
    """The text of the model card.

    Args:
        package: The network.
        splits: The data set of its run.
        files: Names of the other files, and what each is, in words.
        remarks: Lines on the network and its programs.
        commands: How it was made, first to last; paths are names alone.
    """
    name = f"{package.source['run']}-{package.source['id']}"
    return "\n".join([
        "---", *_header(package, name, files), "---", "", f"# {markdown(name)}", "",
        "A neural network found and trained by evonas, an evolutionary neural architecture search.", "",
        *_table(("file", "content"), [(f"`{file}`", text) for file, text in files.items()]), "",
        *(f"- {markdown(remark)}" for remark in _remarks(remarks)), "",
        "## Use", "", *_use(package.task, splits, files), "",
        "## Task and data", "", *_data(package, splits), "",
        "## Metrics", "", *_metrics(package.metrics), "",
        "## How it was made", "", *_commands(commands), "",
    ])


def _header(package: Package, name: str, files: Mapping[str, str]) -> Iterator[str]:
    task = pipeline_tag(package.task)
    tags = ["evonas", "neural-architecture-search", "tinyml"]
    tags += [tag for tag, ending in (("c", ".c"), ("onnx", ".onnx")) if any(file.endswith(ending) for file in files)]
    yield "library_name: evonas"
    if task is not None:
        yield f"pipeline_tag: {task}"
    yield "tags:"
    yield from (f"- {tag}" for tag in tags)
    by_split: dict[str, list[str]] = {}
    for metric, value in package.metrics.items():
        begin, _, kind = metric.partition("_")
        if begin in SPLITS and kind in HUB_METRICS and math.isfinite(value):
            by_split.setdefault(SPLITS[begin], []).extend([
                f"    - type: {HUB_METRICS[kind]}", f"      value: {float(value)!r}", f"      name: {quoted(metric)}",
            ])
    if not by_split:
        return
    dataset = quoted(_dataset(package))
    yield "model-index:"
    yield f"- name: {quoted(name)}"
    yield "  results:"
    for split, lines in by_split.items():
        yield "  - task:"
        yield f"      type: {task or 'other'}"
        yield "    dataset:"
        yield f"      name: {dataset}"
        yield f"      type: {dataset}"
        yield f"      split: {split}"
        yield "    metrics:"
        yield from lines


def pipeline_tag(task: Task) -> str | None:
    """The Hub's name of a task; None where it has none."""
    if len(task.input_shape) == 1:
        return f"tabular-{task.kind}"
    return "image-classification" if len(task.input_shape) == 3 and task.kind == "classification" else None


def _remarks(remarks: Sequence[str]) -> list[str]:
    """Remarks as one reads them elsewhere: each once, those on a single program with its name, and no machine is this.

    Args:
        remarks: Remarks that begin with the name of a program and a colon.
    """
    programs: dict[str, list[str]] = {}
    for remark in remarks:
        program, colon, text = remark.partition(": ")
        programs.setdefault(text if colon else program, []).extend([program] * bool(colon))
    n_programs = len({program for names in programs.values() for program in names})
    told = [text if len(names) == n_programs else f"{', '.join(names)}: {text}" for text, names in programs.items()]
    return [text.replace("on one core of this machine", "on one core where it was exported") for text in told]


def _use(task: Task, splits: Splits, files: Mapping[str, str]) -> Iterator[str]:
    shape = ", ".join(map(str, (1, *task.input_shape)))
    units = "in the units of the data set's files: the normalisation is inside"
    outputs = f"(1, {task.n_outputs}), {'the largest is the class' if task.kind == 'classification' else 'predictions'}"
    yield "```python"
    yield "import evonas  # pip install evonas"
    yield "import torch"
    yield ""
    yield 'network = evonas.load("model.safetensors", raw=True)  # a torch.nn.Module'
    yield f"x = torch.zeros({shape})  # a sample, {units}"
    yield f"outputs = network(x)  # {outputs}"
    yield "```"
    if "network.c" in files:
        yield ""
        yield "```c"
        yield '#include "network.h" /* cc -std=c99 -O3 -c network.c */'
        yield ""
        yield f"network_input x[NETWORK_INPUTS]; /* a sample, {units} */"
        yield "network_output outputs[NETWORK_OUTPUTS];"
        yield "network_run(x, outputs);"
        yield "```"
    if "network.onnx" in files:
        yield ""
        yield "```python"
        yield "import numpy as np"
        yield "import onnxruntime"
        yield ""
        number = "float64" if splits.scaling.input_type == "float64" else "float32"
        yield f'x = np.zeros(({shape}), "{number}")  # as above'
        yield 'outputs, = onnxruntime.InferenceSession("network.onnx").run(["output"], {"input": x})'
        yield "```"


def _data(package: Package, splits: Splits) -> Iterator[str]:
    task = package.task
    shape = " x ".join(map(str, task.input_shape))
    yield f"- data set: {markdown(_dataset(package))}"
    yield f"- fingerprint of its files and of the split: `{splits.fingerprint}`"
    yield f"- {task.kind}: inputs {shape}, {task.n_outputs} outputs"
    yield f"- {len(splits.train):,} samples to train on, {len(splits.validation):,} to validate"
    for what in ("columns", "classes", "targets"):
        if names := package.source.get(what):
            yield f"- {what}: {', '.join(markdown(str(name)) for name in names)}"


def _dataset(package: Package) -> str:
    """Name of the data set; of a file of the user's own its name without folders."""
    return PurePath(str(package.source["dataset"])).name


def _metrics(metrics: Mapping[str, float]) -> list[str]:
    rows = []
    for name, value in metrics.items():
        known = METRICS.get(name)
        rows.append((f"`{name}`", f"{value:.6g}", "" if known is None else markdown(f"{known.label}, {known.place}")))
    return _table(("metric", "value", "what it is, and where it was measured"), rows)


def _commands(commands: Sequence[Command]) -> Iterator[str]:
    if commands:
        yield "Files, folders and runs are named without the folders that they are in."
        yield ""
    for command in commands:
        if command.settings:
            yield from fenced(command.settings.rstrip("\n"), "toml")
            yield ""
        yield from fenced(command.line, "bash")
        yield ""


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (titles, ["---"] * len(titles), *rows)]


def markdown(text: str) -> str:
    """Text of any characters as one line of Markdown without markup."""
    plain = "".join(c if c.isprintable() else " " for c in text.encode("utf-8", "replace").decode())
    return _MARKUP.sub(r"\\\g<0>", plain).replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\&", "&amp;")


def fenced(text: str, language: str) -> list[str]:
    """Text of any characters as a block of code."""
    plain = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
    fence = "`" * (1 + max(2, *map(len, _BACKTICKS.findall(plain)), 0))
    return [f"{fence}{language}", plain.encode("utf-8", "replace").decode(), fence]


def quoted(text: str) -> str:
    """Text of any characters as a double-quoted string of YAML, in ASCII."""
    return f'"{"".join(map(_in_yaml, text.encode("utf-8", "replace").decode()))}"'


def _in_yaml(character: str) -> str:
    number = ord(character)
    if 32 <= number < 127 and character not in '"\\':
        return character
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
