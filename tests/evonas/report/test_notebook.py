"""What notebooks show of a run and of an estimator: the front, in HTML that is whole and needs nothing else."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import sklearn

from evonas import EvoClassifier, Run
from evonas.config import check_config
from evonas.objectives import Objective, Objectives
from evonas.report.notebook import MOST_ROWS, front_html
from evonas.run.start import evolve
from evonas.store import Record

OBJECTIVES = Objectives((Objective("trainval_error"), Objective("flops", log=True)))


class Balanced(HTMLParser):
    """Checks that every element ends, and collects texts and names of elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.names: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.append(tag)
        if tag not in ("img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def member(id: int, error: float, flops: float, **metrics: float) -> Record:
    values = {"trainval_error": error, "flops": flops, **metrics}
    return Record(id, 6, 0, "add_edges", (), "ok", values, 1.0, 1.0, None)


def test_a_front_is_a_table_and_a_picture() -> None:
    members = [member(4, 0.5, 100), member(7, 0.5, 100), member(9, 0.1, 5000)]
    html = front_html(members, OBJECTIVES, title="<b>run</b> & more", records=members, chosen=9)
    page = Balanced(html)
    assert page.names.count("tr") == 3
    assert page.names.count("img") == 1
    assert {"4", "9", "5 000", "+1 equal", "<b>run</b> & more"} <= {text.strip() for text in page.texts}
    assert "script" not in page.names
    assert "http" not in html
    (picture,) = re.findall(r"data:image/png;base64,([^\"]+)", html)
    assert base64.b64decode(picture).startswith(b"\x89PNG")


def test_a_long_front_is_cut_around_the_chosen_member() -> None:
    members = [member(i, 1 - i / 100, 100 + i) for i in range(50)]
    page = Balanced(front_html(members, OBJECTIVES, title="long", chosen=49))
    assert page.names.count("tr") == MOST_ROWS + 1
    assert "49" in page.texts
    assert any(f"{MOST_ROWS} of 50 points" in text for text in page.texts)


def test_an_empty_front_and_one_number_have_no_picture() -> None:
    assert "The front is empty." in Balanced(front_html([], OBJECTIVES, title="empty")).texts
    single = Objectives((Objective("trainval_error"),))
    assert "img" not in Balanced(front_html([member(0, 0.5, 3)], single, title="one")).names


def test_a_run_shows_its_front(tmp_path: Path) -> None:
    values = {"population": 4, "children": 2, "generations": 1, "epochs": 2, "space_options": {"edges": [64, 300]}}
    evolve(check_config(values, source="test"), tmp_path / "a<b")
    run = Run(tmp_path / "a<b")
    page = Balanced(run._repr_html_())
    assert any("a<b: neuron on digits, 6 evaluations" in text for text in page.texts)
    assert {str(id) for id in run.front().index} <= set(page.texts)
    assert run.front().attrs["objectives"] == {"trainval_error": "min", "flops": "min"}


def test_a_fitted_estimator_shows_its_front_below_its_parameters() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    classifier = EvoClassifier(generations=0, population=2, epochs=5, random_state=0)
    before = classifier._repr_mimebundle_()["text/html"]
    classifier.fit(x, y)
    after = classifier._repr_mimebundle_()["text/html"]
    shown = f"individual {classifier.id_} predicts"
    assert shown not in before
    assert shown in after
    assert "EvoClassifier" in after
    assert shown in classifier._repr_html_()
    with sklearn.config_context(display="text"):
        assert classifier._repr_mimebundle_().keys() == {"text/plain"}
        with pytest.raises(AttributeError):
            classifier._repr_html_()
