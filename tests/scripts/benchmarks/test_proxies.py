"""The benchmark of proxies scores each architecture once, and correlates what it finds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from scipy.stats import spearmanr
from typer.testing import CliRunner, Result

from evonas.evaluation.proxies import JOINED
from scripts.benchmarks.proxies import report
from scripts.benchmarks.proxies.__main__ import main
from scripts.benchmarks.proxies.scoring import COLUMNS, KNOWN, Score, read_scores
from scripts.benchmarks.proxies.tables import ACCURACY, FILES, OVERALL, PARAMS, PUBLISHED, drawn, read_tables
from search_spaces.nasbench201.genotype import all_cells, cell_of, to_string

N = 12


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Made-up tables of a few architectures, of which the last has no published scores."""
    folder, rng = tmp_path / "tables", np.random.default_rng(0)
    folder.mkdir()
    cells = list(all_cells())
    texts = [to_string(cell_of(cells[i])) for i in rng.integers(len(cells), size=N)]
    first = pd.DataFrame({"index": range(N), "arch_str": texts, ACCURACY: rng.random(N) * 100, PARAMS: rng.random(N)})
    second = pd.DataFrame({"index": range(N), "naslib_ops": "x", **{c: rng.random(N) for c in PUBLISHED.values()}})
    second.loc[N - 1, "naslib_snip_c10"] = np.nan
    for frame, name in zip((first, second), FILES, strict=True):
        frame.to_csv(folder / name, index=False)
    return folder


def script(tables: Path, *arguments: object) -> Result:
    app = typer.Typer()
    app.command()(main)
    command = [tables, "--dataset", "digits", "--samples", 8, "--proxies", "snip,synflow,params", *arguments]
    return CliRunner().invoke(app, [str(argument) for argument in command])


def test_every_proxy_has_a_row_and_nothing_is_scored_twice(tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = script(tables, "--n", 3, "--out", out)
    assert first.exit_code == 0, first.output
    assert first.output.count(" snip: ") == 3
    document = json.loads((out / "proxies.json").read_text())
    assert [*document["proxies"]] == ["snip", "synflow", "params"]
    assert all(entry["n"] == 3 and -1 <= entry["spearman"] <= 1 for entry in document["proxies"].values())
    assert (out / "proxies.md").read_text() == report.markdown(document)
    assert (out / "proxies.png").stat().st_size > 1000
    again = script(tables, "--n", 3, "--out", out)
    assert again.exit_code == 0
    assert " snip: " not in again.output
    kept = (out / "proxies.csv").read_text().splitlines()
    (out / "proxies.csv").write_text("\n".join([*kept[:-2], kept[-2][:5]]))  # killed while it wrote
    more = script(tables, "--n", 5, "--jobs", 2, "--out", out)
    assert more.exit_code == 0, more.output
    assert [more.output.count(f" {name}: ") for name in ("snip", "synflow", "params")] == [2, 3, 3]
    scores = read_scores(out / "proxies.csv")
    assert len(scores) == 15
    assert {index for index, _ in scores} == set(drawn(read_tables(tables), 5))
    assert f"{scores[drawn(read_tables(tables), 5)[0], 'synflow'].score}" in "\n".join(kept)


def test_a_score_is_the_same_in_whatever_process_it_is_found(tables: Path, tmp_path: Path) -> None:
    found = []
    for jobs in (1, 2):
        assert script(tables, "--n", 3, "--jobs", jobs, "--out", tmp_path / str(jobs)).exit_code == 0
        scores = read_scores(tmp_path / str(jobs) / "proxies.csv")
        found.append({key: row.score for key, row in scores.items()})
    assert found[0] == found[1]


def test_a_second_draw_has_other_scores_and_the_table_says_how_well_both_agree(tables: Path, tmp_path: Path) -> None:
    for draw in (0, 1):
        result = script(tables, "--n", 3, "--draw", draw, "--out", tmp_path)
        assert result.exit_code == 0, result.output
    first, second = (read_scores(tmp_path / name) for name in ("proxies.csv", "proxies-draw1.csv"))
    assert first.keys() == second.keys()
    assert [key for key in first if first[key].score == second[key].score] == [k for k in first if k[1] == "params"]
    entries = json.loads((tmp_path / "proxies.json").read_text())["proxies"]
    assert entries["params"]["between_draws"] == pytest.approx([1])
    both = [[scores[key].score for key in first if key[1] == "snip"] for scores in (first, second)]
    assert entries["snip"]["between_draws"] == pytest.approx([spearmanr(*both).statistic])
    published = read_tables(tables)[PUBLISHED["snip"]].loc[[key[0] for key in first if key[1] == "snip"]]
    agreements = [spearmanr(scores, published).statistic for scores in both]
    assert entries["snip"]["with_published"] == pytest.approx(agreements)
    told = dict.fromkeys(f"{value:.3f}" for value in sorted(agreements))
    assert f"| snip | 3 | {' to '.join(told)} |" in (tmp_path / "proxies.md").read_text()


def test_architectures_are_drawn_among_those_with_published_scores_and_the_first_stay(tables: Path) -> None:
    table = read_tables(tables)
    assert drawn(table, 4) == drawn(table, 9)[:4]
    assert sorted(drawn(table, N - 1)) == list(range(N - 1))


def test_joined_proxies_are_there_where_all_their_parts_are(tables: Path) -> None:
    table, rng = read_tables(tables), np.random.default_rng(1)
    chosen = drawn(table, 6)
    names = [*JOINED["vote"]]
    scores = {(i, name): Score(i, name, float(rng.random()), 1.5) for i in chosen for name in names}
    document = report.document(table, scores, chosen, KNOWN, dataset="d", n_samples=4)
    assert {*document["proxies"]} == {*names, "vote"}
    assert document["proxies"]["vote"]["seconds"] is None
    assert document["proxies"][names[0]]["seconds"] == 1.5
    published = {**{key: row.score for key, row in scores.items()}}
    table[PUBLISHED["synflow"]] = pd.Series({i: 2 * published[i, "synflow"] for i in chosen})
    same = report.document(table, scores, chosen, KNOWN, dataset="d", n_samples=4)["proxies"]["synflow"]
    assert same["with_published"] == pytest.approx([1])
    assert same["published"] == OVERALL["synflow"]


@pytest.mark.parametrize(("arguments", "message"), [
    (["--proxies", "snipp"], "no proxy of one network: 'snipp', did you mean 'snip'"),
    (["--proxies", "vote"], "no proxy of one network: 'vote'"),
    (["--n", "12"], "--n: expected at most 11 architectures, which have published scores, got 12"),
])
def test_bad_input_is_refused(tables: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = script(tables, *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_missing_or_altered_tables_are_refused(tables: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    frame = pd.read_csv(tables / FILES[0]).drop(columns="arch_str")
    frame.to_csv(tables / FILES[0], index=False)
    assert "have no column arch_str: get them again" in script(tables, "--out", tmp_path / "out").output
    (tables / FILES[1]).unlink()
    assert "has no tables of NAS-Bench-201, expected " in script(tables, "--out", tmp_path / "out").output
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "proxies.csv").write_text(other.read_text())
    with pytest.raises(Exception, match=f"expected the columns {', '.join(COLUMNS)}"):
        read_scores(tmp_path / "out" / "proxies.csv")
