"""Whatever stands in the rows of a run that others have made: a result or one sentence, no traceback and no hang."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy_runs import Play

from evonas.serialization.arrays import pack, unpack
from evonas.space import Encoded
from evonas.store import RunStore, StoreError, read_info
from evonas.store.directory import write_weights
from evonas.store.rows import BadRow, json_of, metrics_of, parents_of, record_of
from evonas.testing.toy import ToySpace

DEEP = "[" * 100_000 + "]" * 100_000
COLUMNS = [
    *(("individuals", name) for name in ("generation", "operator", "parents", "digest", "genotype")),
    *(("evaluations", name) for name in ("budget", "status", "metrics", "seconds", "elapsed", "error", "genotype")),
    ("evaluations", "weights"), ("weights", "data"), ("states", "state"),
    ("measurements", "metrics"), ("measurements", "budget"), ("origins", "run"), ("origins", "id_there"),
    *(("retrainings", name) for name in ("start", "epochs", "seed", "metrics", "seconds", "weights")),
]
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5,
)
values = (
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.binary(max_size=20)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | documents.map(json.dumps)
    | st.sampled_from([DEEP, '{"a": NaN}', '{"a": 1e999}', '["\\ud800"]', "9" * 5000, "\x1b[31m", "[99999]", "[-1]"])
)


@pytest.fixture
def whole(play: Play, tmp_path: Path) -> Path:
    """A run with a row in every table."""
    store = play(generations=1)
    store.add_measurement(0, 1, {"latency": 1.0})
    from evonas.store import Retraining

    store.add_retraining(Retraining(0, "fresh", 2, 0, {"test_error": 0.5}, 1.0), {"depth": np.zeros(1, np.float32)})
    store.close()
    change(tmp_path / "run", "INSERT INTO origins VALUES (0, 1, '/runs/other', 7)")
    return tmp_path / "run"


def read_everything(run: Path) -> None:
    with RunStore(run, ToySpace(), measured={"val_error", "flops"}) as store:
        for look in (lambda: store.state, lambda: store.elapsed, lambda: list(store.digests(10**6))):
            look()
        for record in store.records():
            assert type(record.id) is int
            assert all(type(value) is float for value in record.metrics.values())
            store.individual(record.id)
            store.member(record.id)
            store.weights(record.id, record.budget)
        for retraining in store.retrainings():
            store.retrained_weights(retraining)


def change(run: Path, statement: str, *arguments: object) -> None:
    with sqlite3.connect(run / "run.db") as db:
        db.execute(statement, arguments)
    db.close()


def test_odd_rows_end_in_one_sentence(whole: Path, tmp_path: Path) -> None:
    read_everything(whole)
    copies = iter(range(10**6))

    @given(st.sampled_from(COLUMNS), values)
    @settings(max_examples=80, suppress_health_check=list(HealthCheck))
    def check(column: tuple[str, str], value: object) -> None:
        run = tmp_path / str(next(copies))
        shutil.copytree(whole, run)
        try:
            change(run, f"UPDATE {column[0]} SET {column[1]} = ? WHERE rowid = 1", value)
        except sqlite3.IntegrityError:
            return
        try:
            read_everything(run)
        except StoreError as error:
            printed = str(error).encode()
            told = any(words in printed for words in (b"damaged", b"names a file", b"is missing", b"is torn"))
            pytest.fail(str(error)) if not told else None
        finally:
            shutil.rmtree(run)

    check()


@given(st.sampled_from(["config", "task", "normalisation", "seeds", "teacher", "format", "fingerprint"]), values)
@settings(max_examples=100)
def test_an_odd_header_ends_in_one_sentence(key: str, value: object) -> None:
    from evonas.store.rows import format_of, info_of

    meta: dict[Any, Any] = dict.fromkeys(("config", "task", "normalisation"), "{}")
    meta |= {"format": "2", "fingerprint": "", key: value}
    try:
        assert type(format_of(meta)) is int
        info = info_of(meta)
    except BadRow as error:
        str(error).encode()
    else:
        assert all(type(document) is dict for document in (info.config, info.task, info.normalisation))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE VIEW evil AS SELECT 1", "it has a view 'evil', expected plain tables only"),
        ("CREATE TRIGGER evil AFTER INSERT ON states BEGIN DELETE FROM meta; END", "it has a trigger 'evil'"),
        ("CREATE INDEX evil ON evaluations (abs(seconds))", "it has a index 'evil'"),
        ("ALTER TABLE evaluations ADD COLUMN more TEXT AS (hex(zeroblob(1000))) VIRTUAL", "has other columns"),
        ("ALTER TABLE meta RENAME COLUMN value TO worth", "its table 'meta' has other columns"),
    ],
)
def test_a_database_has_plain_tables_only(whole: Path, statement: str, message: str) -> None:
    change(whole, statement)
    with pytest.raises(StoreError, match=f"this run is damaged: .*{message}"):
        read_info(whole)


def test_a_view_in_the_place_of_a_table_is_never_asked(whole: Path) -> None:
    change(whole, "DROP TABLE meta")
    endless = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r)"
    change(whole, f"CREATE VIEW meta AS {endless} SELECT '' || i AS key, '' AS value FROM r")
    with pytest.raises(StoreError, match=r"this run is damaged: .*view 'meta'"):
        read_info(whole)


def test_a_query_without_an_end_is_given_up(whole: Path) -> None:
    from evonas.store.directory import connect, sqlite_errors

    endless = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r"
    connection = connect(whole)
    with pytest.raises(StoreError, match="more to read than its size can hold"), sqlite_errors(whole):
        connection.execute(endless).fetchall()
    connection.close()


def test_no_individual_is_its_own_ancestor() -> None:
    assert parents_of("[1, 0]", 2) == (1, 0)
    for text in ("[2]", "[3]", "[-1]", "[true]", "[1.0]", "1", '["1"]'):
        with pytest.raises(BadRow):
            parents_of(text, 2)


def test_numbers_are_numbers() -> None:
    assert metrics_of('{"a": 1, "b": 0.5}') == {"a": 1.0, "b": 0.5}
    for text in ('{"a": true}', '{"a": "1"}', '{"a": NaN}', '{"a": -Infinity}', '{"a\\u001b": 1}', f'{{"a": {DEEP}}}'):
        with pytest.raises(BadRow):
            metrics_of(text)
    row = (0, 1, 0, "sample", "[]", "ok", "{}", 1, 2.0, None, "/runs/other", 7)
    assert record_of(row).seconds == 1.0
    odd = [(0, True), (0, -1), (1, 1.0), (2, 2**60), (3, "a\nb"), (7, float("nan")), (8, -1), (9, b"")]
    for place, value in (*odd, (10, None), (10, b""), (11, -1), (11, None)):
        with pytest.raises(BadRow):
            record_of((*row[:place], value, *row[place + 1 :]))


def test_documents_are_nested_a_few_times_only() -> None:
    assert json_of("[" * 20 + "]" * 20, "it", 100)
    for text in ("[" * 50 + "]" * 50, DEEP):
        with pytest.raises(BadRow, match="nested"):
            json_of(text, "it", 10**6)


@given(st.binary(max_size=60) | st.binary(max_size=200).map(lambda tail: len(tail).to_bytes(8, "little") + tail))
@settings(max_examples=200)
def test_bytes_that_are_no_genotype_are_a_value_error(blob: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        unpack(blob)


@given(documents)
@settings(max_examples=100)
def test_a_header_of_safetensors_may_hold_anything(document: Any) -> None:
    text = json.dumps(document).encode()
    with pytest.raises(ValueError, match="not a"):
        unpack(len(text).to_bytes(8, "little") + text + bytes(100))


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2", "BF16", "X"])
def test_numbers_that_numpy_does_not_know_are_refused(dtype: str) -> None:
    header = {"a": {"dtype": dtype, "shape": [2], "data_offsets": [0, 4]}, "__metadata__": {"header": "{}"}}
    text = json.dumps(header).encode()
    with pytest.raises(ValueError, match=r"not a file of arrays|expected numbers"):
        unpack(len(text).to_bytes(8, "little") + text + bytes(4))


def test_a_shape_that_claims_too_much_takes_no_memory() -> None:
    blob = pack(Encoded({}, {"values": np.zeros(8, np.uint8)}))
    for old, new in ((b"[8]", b"[9]"), (b"[0,8]", b"[0,9]")):
        with pytest.raises(ValueError, match="not a file of arrays"):
            unpack(blob.replace(old, new))


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "large"])
def test_weights_are_plain_files_of_a_bounded_size(
    whole: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunStore(whole, ToySpace()) as store:
        weights = store.weights(0, 1)
    assert weights is not None
    path = whole / "weights" / "000000-1.safetensors"
    write_weights(path, weights)
    change(whole, "DELETE FROM weights")
    if kind == "large":
        monkeypatch.setattr("evonas.store.directory.MOST_BYTES", 10)
    else:
        path.rename(path.with_name("other"))
        make: dict[str, Callable[[], None]] = {
            "pipe": lambda: os.mkfifo(path), "link": lambda: path.symlink_to("other"), "folder": path.mkdir,
        }
        make[kind]()
    with RunStore(whole, ToySpace()) as store, pytest.raises(StoreError, match=r"cannot read|names a file"):
        store.weights(0, 1)


def test_a_state_of_another_form_is_one_sentence(play: Play) -> None:
    store = play(generations=1)
    good, run = store.state, store.directory
    store.close()
    for number, state in enumerate(([], {}, {**good, "generation": "x"}, {**good, "rng": {}})):
        shutil.copytree(run, run.with_name(str(number)))
        change(run.with_name(str(number)), "UPDATE states SET state = ?", json.dumps(state))
        with pytest.raises(StoreError, match=r"damaged: .*state that its searcher cannot go on from"):
            play(str(number), generations=2)
    change(run, "UPDATE states SET state = ?", json.dumps({**good, "population": [[99, 1]]}))
    with pytest.raises(StoreError, match="has no individual 99"):
        play(generations=2)
