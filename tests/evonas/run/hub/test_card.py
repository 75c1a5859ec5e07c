"""Texts of users stay texts in a model card, whatever their characters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from evonas.run.hub.card import Command, fenced, markdown, model_card, pipeline_tag, quoted
from evonas.types import Task

HOSTILE = ['"', "'", "\\", "---\nlicense: mit", "a: b # c", "\n```\n# title", "<script>", "größe 特徴 \U0001f600",
           "\x00\x7f", "\ud800", "| a |", "[x](http://y)", "\u2028\u0085", "{{ x }}", "!!python/object:os.system"]


def package(name: str, metrics: dict[str, float] | None = None) -> Any:
    source = {"run": name, "id": 3, "dataset": name, "weights": "weights of the search", "classes": [name, "b"]}
    found = {"val_accuracy": 0.5, "val_loss": float("nan"), "flops": 12.0} if metrics is None else metrics
    return SimpleNamespace(source=source, task=Task("classification", (1, 8, 8), 2), metrics=found)


SPLITS: Any = SimpleNamespace(
    fingerprint="abc", train=range(80), validation=range(20), scaling=SimpleNamespace(input_type="uint8")
)
FILES = {"model.safetensors": "weights", "network.c": "C", "network.onnx": "ONNX"}


@pytest.mark.parametrize("text", HOSTILE)
def test_the_header_is_yaml_with_the_texts_in_it(text: str) -> None:
    yaml = pytest.importorskip("yaml")
    card = model_card(package(text), SPLITS, FILES, [text], [Command(text, text)])
    _, header, body = card.split("---\n", 2)
    found = yaml.safe_load(header)
    assert set(found) == {"library_name", "pipeline_tag", "tags", "model-index"}
    (entry,) = found["model-index"]
    plain = text.encode("utf-8", "replace").decode()
    assert entry["name"] == f"{plain}-3"
    (result,) = entry["results"]
    assert result["task"] == {"type": "image-classification"}
    assert result["dataset"]["name"] == plain.rpartition("/")[2]
    assert result["metrics"] == [{"type": "accuracy", "value": 0.5, "name": "val_accuracy"}]
    assert "<script>" not in body.partition("## How")[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_are_one_line_without_markup_or_a_block_that_they_cannot_end(text: str) -> None:
    line = markdown(text)
    assert "\n" not in line
    assert "\u2028" not in line
    assert "<" not in line
    assert "|" not in line.replace("\\|", "")
    begin, *inside, end = fenced(text, "bash")
    assert begin == f"{end}bash"
    assert end not in "\n".join(inside)
    assert quoted(text).isascii()


def test_tasks_have_the_hubs_names() -> None:
    shapes = {(4,): "tabular-{}", (1, 8, 8): "image-{}", (3, 50): None}
    for shape, tag in shapes.items():
        for kind in ("classification", "regression"):
            expected = None if tag is None or (len(shape) == 3 and kind == "regression") else tag.format(kind)
            assert pipeline_tag(Task(kind, shape, 2)) == expected


def test_a_card_without_metrics_that_the_hub_knows_has_no_index() -> None:
    card = model_card(package("run", {"flops": 3.0}), SPLITS, {"model.safetensors": "weights"}, [], [])
    assert "model-index" not in card
    assert "| `flops` | 3 |" in card
    assert "onnxruntime" not in card
    assert "network.h" not in card


def test_a_card_says_how_the_network_is_called_and_each_remark_once() -> None:
    origin = ["c: weights of the search", "onnx: weights of the search"]
    remarks = [*origin, "c: 3 us a sample on one core of this machine"]
    card = model_card(package("r"), SPLITS, {**FILES, "network.h": "H"}, remarks, [])
    assert card.count("weights of the search") == 1
    assert "this machine" not in card
    assert "- c\\: 3 us a sample on one core where it was exported" in card
    assert "x = torch.zeros(1, 1, 8, 8)  # a sample, in the units of the data set's files" in card
    assert 'x = np.zeros((1, 1, 8, 8), "float32")' in card
    assert "network_input x[NETWORK_INPUTS];" in card
    blocks = card.split("```python\n")[1:]
    for block in blocks:
        compile(block.partition("```")[0], "the card", "exec")
