"""Pictures of networks."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evonas.capabilities.diagram import NetworkDiagram
from evonas.report.drawing import DRAWN_EDGES, DRAWN_SHARED, QUIET, TIE_COLOURS, draw_diagram
from evonas.types import UserError


def neurons(n_hidden: int = 4) -> NetworkDiagram:
    """A 3 x 4 image read by hidden neurons, of which each feeds both outputs."""
    rng = np.random.default_rng(0)
    n = 12 + n_hidden + 2
    hidden = np.arange(12, 12 + n_hidden)
    edges = [(i, h) for i in range(12) for h in hidden] + [(h, o) for h in hidden for o in (n - 2, n - 1)]
    layer = np.repeat([0, 1, 2], [12, n_hidden, 2])
    return NetworkDiagram(
        width=2.0, positions=rng.random((n, 2), np.float32), layers=("inputs", "1", "outputs"), layer=layer,
        kinds=("input", "neuron", "output"), kind=layer, edges=np.array(edges),
        weights=rng.normal(size=len(edges)).astype(np.float32), labels=("",) * (n - 2) + ("cat", "dog"),
        input_use=np.full((3, 4), n_hidden, np.float32),
    )


def operations() -> NetworkDiagram:
    """A cell of two inputs, a node and an output."""
    return NetworkDiagram(
        width=1.0, positions=np.array([[0, 0.2], [0, 0.8], [0.5, 0.4], [1, 0.5]], np.float32), layers=("cell",),
        layer=np.zeros(4, int), kinds=("input", "node", "output"), kind=np.array([0, 0, 1, 2]),
        edges=np.array([(0, 2), (1, 2), (2, 3)]), labels=("0", "1", "2", "out"), edge_labels=("skip", "conv_3x3", ""),
    )


def svg_texts(path: Path) -> list[str]:
    """What an SVG says: its letters are curves, each text is a comment before them."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    tree = ET.parse(path, parser)
    return [node.text.strip() for node in tree.iter() if node.tag is ET.Comment]


@pytest.mark.parametrize("diagram", [neurons(), operations()], ids=["neurons", "operations"])
@pytest.mark.parametrize(("suffix", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_network_is_drawn_in_the_format_of_the_suffix(
    diagram: NetworkDiagram, suffix: str, head: bytes, tmp_path: Path
) -> None:
    path = tmp_path / f"net.{suffix}"
    draw_diagram(path, diagram, title="a network")
    assert path.read_bytes().startswith(head)


def test_a_picture_names_layers_outputs_edges_and_what_is_not_read(tmp_path: Path) -> None:
    diagram, path = neurons(), tmp_path / "net.svg"
    use = diagram.input_use.copy()
    use[1, 2] = 0
    draw_diagram(path, replace(diagram, input_use=use), title="number 7", facts="accuracy 93 %")
    texts = svg_texts(path)
    assert {"number 7", "accuracy 93 %", "inputs", "cat", "dog", "56 edges", "1 of 12 are not read"} <= set(texts)


def test_operations_are_named_on_their_edges(tmp_path: Path) -> None:
    draw_diagram(tmp_path / "net.svg", operations(), title="a cell")
    assert {"cell", "skip", "conv_3x3", "0", "1", "2", "out"} <= set(svg_texts(tmp_path / "net.svg"))


def test_too_many_edges_are_thinned_and_the_picture_says_so(tmp_path: Path) -> None:
    diagram, path = neurons(400), tmp_path / "net.svg"
    draw_diagram(path, diagram, title="")
    assert "5 000 of 5 600 edges are drawn, the strongest of each pair of layers" in svg_texts(path)
    n_paths = path.read_text().count("<path ")
    assert DRAWN_EDGES < n_paths < DRAWN_EDGES + 500


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": None}, {"input_use": None}, {"input_use": np.ones((1, 12), np.float32)}, {"labels": ()},
        {"edges": np.empty((0, 2), int), "weights": np.empty(0, np.float32)},
        {"input_use": np.zeros((3, 4), np.float32)}, {"width": 40.0},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_what_a_diagram_may_lack_is_left_out(changes: dict[str, object], tmp_path: Path) -> None:
    draw_diagram(tmp_path / "net.png", replace(neurons(), **changes), title="")
    assert (tmp_path / "net.png").stat().st_size > 1000


def test_texts_of_the_user_are_neither_markup_nor_mathematics(tmp_path: Path) -> None:
    name, path = "</text><script>alert(1)</script>--> $x_{ & \"'", tmp_path / "net.svg"
    diagram = neurons()
    for drawn in (replace(diagram, labels=(name,) * 18, layers=(name, name, name)), operations()):
        draw_diagram(path, replace(drawn, labels=(name,) * len(drawn.positions)), title=name, facts=name)
        tags = [node.tag.rpartition("}")[2] for node in ET.parse(path).iter()]
        assert "script" not in tags
        assert set(tags) <= {
            "svg", "metadata", "RDF", "Work", "type", "date", "format", "creator", "Agent", "title", "defs", "style",
            "g", "path", "use", "clipPath", "rect", "image",
        }


@pytest.mark.parametrize(("name", "message"), [
    ("net.xyz", "cannot draw .*net.xyz: Format 'xyz' is not supported"),
    ("nowhere/net.png", "cannot write the plot .*nowhere/net.png: No such file"),
])
def test_a_picture_that_cannot_be_written_is_refused_and_leaves_nothing(
    name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        draw_diagram(tmp_path / name, operations(), title="")
    assert list(tmp_path.iterdir()) == []


def test_edges_that_share_a_weight_have_one_colour_and_are_counted_by_weights(tmp_path: Path) -> None:
    diagram, path = neurons(), tmp_path / "net.svg"
    ties = np.arange(len(diagram.edges)) % 3
    ties[-8:] = -1
    draw_diagram(path, replace(diagram, ties=ties, weights=np.ones(len(ties), np.float32)), title="shared")
    assert f"{3 + 8} weights, {len(ties)} edges: those of a colour share a weight" in svg_texts(path)
    text = path.read_text()
    counts = [text.count(f"stroke: {colour}") for colour in (*TIE_COLOURS[:3], TIE_COLOURS[3], QUIET)]
    assert counts == [16, 16, 16, 0, 8]


def test_of_thousands_of_edges_that_share_weights_few_are_drawn(tmp_path: Path) -> None:
    diagram, path = neurons(300), tmp_path / "net.svg"
    draw_diagram(path, replace(diagram, ties=np.arange(len(diagram.edges)) % 7), title="shared")
    (text,) = [text for text in svg_texts(path) if "weights" in text]
    assert text == f"7 weights, 4 200 edges: those of a colour share a weight; {DRAWN_SHARED} are drawn, " \
                   "those into some of the neurons"
