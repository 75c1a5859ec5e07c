"""The page is one file that loads nothing and runs nothing but its own scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evonas.capabilities.diagram import NetworkDiagram
from evonas.report.html.drawings import DRAWN_SHARED, to_json
from evonas.report.html.page import as_text, render, write
from evonas.types import UserError

HOSTILE = "</script><!--<script>{{SCRIPT}}&amp;\u2028'\""


def test_hostile_text_stays_inside_its_script_and_is_read_back() -> None:
    page = render({"name": HOSTILE})
    data = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert [json.loads(text) for text in data] == [{"name": HOSTILE}]
    assert not set("<>&") & set(as_text({HOSTILE: [HOSTILE]}))


def test_the_policy_allows_exactly_the_scripts_of_the_page() -> None:
    page = render({})
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts}
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert set(re.findall(r"'sha256-[^']*'", policy[1])) == hashes
    assert len(hashes) == 2
    assert "connect-src 'none'" in policy[1]


def test_a_page_that_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "none" / "report.html", tmp_path / "folder"):
        with pytest.raises(UserError, match=r"cannot write the report .*; name another file with --out"):
            write(path, "page")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def make_diagram(n_nodes: int, n_edges: int) -> NetworkDiagram:
    rng = np.random.default_rng(0)
    return NetworkDiagram(
        width=2.0, positions=rng.random((n_nodes, 2)).astype(np.float32), layers=("all",),
        layer=np.zeros(n_nodes, np.int64), kinds=("neuron",), kind=np.zeros(n_nodes, np.int64),
        edges=rng.integers(n_nodes, size=(n_edges, 2)), weights=rng.standard_normal(n_edges).astype(np.float32),
        labels=("",) * (n_nodes - 1) + (HOSTILE,),
    )


@pytest.mark.parametrize(("n_nodes", "dtype"), [(50, "<u2"), (70_000, "<u4")])
def test_a_drawing_is_thinned_and_says_how_many_edges_there_are(n_nodes: int, dtype: str) -> None:
    diagram = make_diagram(n_nodes, 900)
    drawing = to_json(diagram, 100)
    edges = np.frombuffer(base64.b64decode(drawing["edges"]), dtype).reshape(-1, 2)
    assert drawing["nEdges"] == 900
    np.testing.assert_array_equal(edges, diagram.thinned(100).edges)
    assert drawing["labels"] == {str(n_nodes - 1): HOSTILE}


def test_edges_that_share_weights_say_which_and_few_are_drawn() -> None:
    diagram = make_diagram(50, 90_000)
    shared = replace(diagram, ties=np.where(np.arange(90_000) % 2, np.arange(90_000) % 5000, -1))
    drawing = to_json(shared, 6000)
    ties = np.frombuffer(base64.b64decode(drawing["ties"]), "<i2")
    thin = shared.thinned(DRAWN_SHARED)
    assert thin.ties is not None
    np.testing.assert_array_equal(ties, np.where(thin.ties < 0, -1, thin.ties % 2520))
    assert (drawing["nEdges"], drawing["nWeights"]) == (90_000, 45_000 + 2500)
    assert "ties" not in to_json(diagram, 6000)


def test_positions_and_weights_keep_their_scale() -> None:
    diagram = make_diagram(50, 90)
    drawing = to_json(diagram, 100)
    places = np.frombuffer(base64.b64decode(drawing["positions"]), "<u2").reshape(-1, 2) / 65535 * [2.0, 1.0]
    np.testing.assert_allclose(places, diagram.positions, atol=2e-5)
    weights = np.frombuffer(base64.b64decode(drawing["weights"]), np.int8) / 127 * drawing["largest"]
    np.testing.assert_allclose(weights, diagram.weights, atol=drawing["largest"] / 250)
