"""Tables: what is read from them, and refusals that name the column and the line of the file."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evonas.data import DataError, FileOptions, Splits, load
from evonas.data.categories import feature_names
from evonas.data.loading import prepare
from evonas.data.test_split import load_for_retraining, load_test
from evonas.data.test_split_check import check_test_set

LABEL = FileOptions(target="label")
HEADER = "a,b,label"
#: 30 rows in three classes; the first is line 2 of a file.
ROWS = [f"{i}.5,{i % 7},{'xyz'[i % 3]}" for i in range(30)]
Write: Any = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes lines as a file."""

    def lines_to_file(*lines: str, name: str = "own.csv", end: str = "\n", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes("".join(f"{line}{end}" for line in lines).encode(encoding))
        return path

    return lines_to_file


def equal(one: Splits, other: Splits) -> bool:
    return one.fingerprint == other.fingerprint and all(
        np.array_equal(getattr(getattr(one, part), name), getattr(getattr(other, part), name))
        for part in ("train", "validation") for name in ("x", "y")
    )


def test_columns_and_classes_keep_their_names(write: Write) -> None:
    splits = load(write(HEADER, *ROWS), options=LABEL)
    assert splits.columns == ("a", "b")
    assert splits.classes == ("x", "y", "z")
    assert (splits.task.kind, splits.task.input_shape, splits.task.n_outputs) == ("classification", (2,), 3)
    raw = prepare(write(HEADER, *ROWS), root=None, seed=0, validation=None, n_train=None, axes=None, task=None,
                  options=LABEL).raw
    assert raw.x.tolist() == [[i + 0.5, i % 7] for i in range(30)]
    assert raw.y.tolist() == [i % 3 for i in range(30)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_separators_ends_of_lines_and_a_byte_order_mark_change_nothing(
    write: Write, separator: str, end: str, encoding: str
) -> None:
    plain = load(write(HEADER, *ROWS), options=LABEL)
    lines = [line.replace(",", separator) for line in (HEADER, *ROWS)]
    assert equal(load(write(*lines, end=end, encoding=encoding), options=LABEL), plain)


def test_quoted_values_may_hold_separators_and_ends_of_lines(write: Write) -> None:
    rows = [row.replace("x", '"x, or\nso"') for row in ROWS]
    assert load(write('"a",b,label', *rows), options=LABEL).classes == ("x, or\nso", "y", "z")
    with pytest.raises(DataError, match=r"expected 3 values in line 42, .* got 2"):
        load(write('"a",b,label', *rows, "1,x"), options=LABEL)


def test_columns_are_found_by_name_in_any_order(write: Write) -> None:
    first = load(write(HEADER, *ROWS), options=LABEL)
    turned = [",".join(reversed(line.split(","))) for line in (HEADER, *ROWS)]
    kept = replace(LABEL, columns=first.columns, classes=first.classes)
    assert equal(load(write(*turned), options=kept), first)
    with pytest.raises(DataError, match="expected the column a, as in the training samples, got none"):
        load(write("A,b,label", *ROWS), options=kept)


def test_ignored_columns_are_no_features_even_without_a_name(write: Write) -> None:
    lines = [f",{HEADER}", *(f"{i},{row}" for i, row in enumerate(ROWS))]
    with pytest.raises(DataError, match=r"got none for column 1, which may be an index; .* 'Unnamed: 0'"):
        load(write(*lines), options=LABEL)
    assert load(write(*lines), options=replace(LABEL, ignore=("Unnamed: 0", "b"))).columns == ("a",)


@pytest.mark.parametrize(
    ("values", "task", "kind", "classes"),
    [
        (["no", "yes"], None, "classification", ("no", "yes")),
        (["NO", "Norway"], None, "classification", ("NO", "Norway")),
        (["None", "mild"], None, "classification", ("None", "mild")),
        (["True", "False"], None, "classification", ("False", "True")),
        (["10", "9", "-1"], None, "classification", ("-1", "9", "10")),
        (["1.0", "2.0"], "classification", "classification", ("1", "2")),
        (["3", "4", "5"], "regression", "regression", ()),
        (["0.5", "1.25", "7"], None, "regression", ()),
    ],
)
def test_the_target_decides_the_task_as_arrays_do(
    write: Write, values: list[str], task: Any, kind: str, classes: tuple[str, ...]
) -> None:
    rows = [f"{i},{values[i % len(values)]}" for i in range(30)]
    splits = load(write("a,label", *rows), options=LABEL, task=task)
    assert (splits.task.kind, splits.classes) == (kind, classes)


def test_integers_that_look_like_quantities_are_noted_and_can_be_regressed(write: Write) -> None:
    rows = [f"{i},{i // 2}" for i in range(60)]
    with pytest.warns(UserWarning, match="column label holds 30 different whole numbers, 0 to 29.* regression"):
        load(write("a,label", *rows), options=LABEL)


BAD = [
    ([], "got an empty file"),
    ([HEADER], "expected rows below the header"),
    (["1,2,3", *ROWS], "expected the names of the columns in the first line, got numbers"),
    ([HEADER, *ROWS[:5], "1,2", *ROWS[5:]], "expected 3 values in line 7, .* got 2"),
    ([HEADER, *ROWS[:5], "", "1,2,x,4", *ROWS[5:]], "expected 3 values in line 8, .* got 4"),
    (["a,a,label", *ROWS], "got 'a' for the columns 1 and 2"),
    (["a,b,kind", *ROWS], r"target \(--target\): expected a column of .*, got 'label'"),
    ([HEADER, *ROWS, "1,2,w"], "column label of .*: expected at least 2 samples of every class, got 1 of 'w' in line"),
    ([HEADER, *ROWS[:5], "1,,x", *ROWS[5:]], "column b of .* got none in line 7; .*--impute"),
    ([HEADER, *ROWS[:5], "NA,,z", "nan,1,x"], "column a of .* got none in line 7, the first of 2 of 7 rows"),
    ([HEADER, *ROWS[:5], "1,2,", *ROWS[5:]], "column label of .* got none in line 7"),
    ([HEADER, *ROWS[:5], "1,-inf,x", *ROWS[5:]], "column b of .* expected finite .* got -inf in line 7"),
    ([HEADER, *ROWS[:5], "1,1e60,x", *ROWS[5:]], r"column b of .* expected finite .* got 1e\+60 in line 7"),
    ([HEADER, *ROWS[:5], "1,red,x", *ROWS[5:]], "column b of .* numbers, got 'red' in line 7; .*--ignore 'b'"),
    ([HEADER, *ROWS[:5], '1,"2,5",x', *ROWS[5:]], "column b of .* got '2,5' in line 7; write decimals with a point"),
    ([HEADER, *(f"{i},2,x" for i in range(9))], "column label of .* expected a target that differs, got 'x' in all 9"),
    ([HEADER, *(f"{i},2,0.5" for i in range(9))], "column label of .* expected a target that differs, got '0.5'"),
    ([HEADER, *ROWS[:5], '1,"2,x', *ROWS[5:]], "from line 7 on"),
    (["label", *"xyz" * 9], "expected a column of features beside label"),
]


@pytest.mark.parametrize(("lines", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_bad_tables_are_refused_by_column_and_line(write: Write, lines: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(write(*lines), options=LABEL)


def test_another_encoding_is_refused_with_the_line(write: Write) -> None:
    with pytest.raises(DataError, match="expected text in UTF-8, got the byte 0xe9 in line 2"):
        load(write(HEADER, *(row.replace("x", "é") for row in ROWS), encoding="latin-1"), options=LABEL)


@pytest.mark.parametrize("kind", ["mean", "median"])
def test_missing_values_are_imputed_by_statistics_of_the_training_rows(write: Write, kind: Any) -> None:
    rows = [f"{'' if i % 5 == 0 else i * i},{i % 7},{'xyz'[i % 3]}" for i in range(30)]
    prepared = prepare(write(HEADER, *rows), root=None, seed=0, validation=None, n_train=None, axes=None, task=None,
                       options=replace(LABEL, impute=kind))
    there = [i * i for i in prepared.train_rows.tolist() if i % 5]
    fill = float(getattr(np, kind)(there))
    assert prepared.scaling.fill[0] == pytest.approx(fill)
    assert prepared.raw.x[::5, 0] == pytest.approx(fill)
    new = np.array([[np.nan, 3.0], [fill, 3.0]])
    assert np.array_equal(*prepared.scaling.normalise(new)[:, None])
    with pytest.raises(DataError, match=r"column a of .*: expected a value in some training sample, got none"):
        load(write(HEADER, *(f",{row.split(',', 1)[1]}" for row in ROWS)), options=replace(LABEL, impute=kind))


def test_a_group_is_never_on_both_sides_of_the_split(write: Write) -> None:
    rows = [f"{row},p{i // 3 % 10}" for i, row in enumerate(ROWS * 4)]
    path, options = write(f"{HEADER},patient", *rows), replace(LABEL, groups="patient")
    prepared = prepare(path, root=None, seed=0, validation=None, n_train=None, axes=None, task=None, options=options)
    sides = [{rows[i].rsplit(",")[-1] for i in part} for part in (prepared.train_rows, prepared.validation_rows)]
    assert prepared.raw.columns == ("a", "b")
    assert sides[0]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 2
    assert set(prepared.raw.y[prepared.validation_rows]) == {0, 1, 2}
    same = [f"{row},p{i % 3}" for i, row in enumerate(ROWS)]
    with pytest.raises(DataError, match="each class must occur in several groups"):
        load(write(f"{HEADER},patient", *same), options=options)


def test_validation_and_test_samples_come_from_files_of_their_own(write: Write) -> None:
    path, turned = write(HEADER, *ROWS), [",".join(reversed(line.split(","))) for line in (HEADER, *ROWS[:6])]
    other = write(*turned, name="other.csv")
    options = replace(LABEL, validation=other, test=write(*turned, name="again.csv"))
    splits = load(path, options=options)
    assert (len(splits.train), len(splits.validation)) == (30, 6)
    assert np.array_equal(load_test(path, options=options).x, splits.validation.x)
    assert len(load_for_retraining(path, options=options).train) == 36
    check_test_set(splits, options)
    with pytest.raises(DataError, match=r"\(--n-validation\): .* \(--validation split\)"):
        load(path, validation=5, options=options)
    with pytest.raises(DataError, match=r"name one by test \(--test\)"):
        load_test(path, options=LABEL)
    strange = write("a,b,label", "1,2,w", name="strange.csv")
    with pytest.raises(DataError, match=r"column label of .*: expected the classes x, y, z, got 'w' in line 2"):
        load_test(path, options=replace(LABEL, test=strange))


def test_validation_arrays_of_an_archive_are_taken_unless_a_split_is_asked_for(write_npz: Callable[..., Path]) -> None:
    path = write_npz(x_val=np.zeros((4, 5)), y_val=np.array([0, 1, 2, 0]), rooms=np.arange(30) // 3)
    splits = load(path)
    assert (len(splits.train), splits.validation.y.tolist()) == (30, [0, 1, 2, 0])
    assert len(load(path, validation=9, options=FileOptions(validation="split")).validation) == 9
    assert len(load(path, options=FileOptions(validation="split", groups="rooms")).validation) == 6
    with pytest.raises(DataError, match=r"expected classification of samples of shape \(5,\), got .* \(4,\)"):
        load(write_npz(x_val=np.zeros((4, 4)), y_val=np.zeros(4, int)))


def test_options_of_files_are_refused_for_data_sets_with_a_name_and_those_of_tables_for_archives(
    write_npz: Callable[..., Path],
) -> None:
    with pytest.raises(DataError, match=r"target \(--target\): expected none for digits"):
        load("digits", options=LABEL)
    with pytest.raises(DataError, match=r"target \(--target\): expected none for .*own.npz, which has no columns"):
        load(write_npz(), options=LABEL)


def test_parquet_without_pyarrow_is_refused_with_what_to_install(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"needs the package pyarrow.*pip install 'evonas\[parquet\]'"):
        load(write("PAR1", name="own.parquet"), options=LABEL)


def test_parquet_gives_what_the_same_table_gives_as_csv(write: Write, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    path = write(HEADER, *ROWS)
    pd.read_csv(path).to_parquet(tmp_path / "own.parquet")
    assert equal(load(tmp_path / "own.parquet", options=LABEL), load(path, options=LABEL))
    with pytest.raises(DataError, match="expected a Parquet file"):
        load(write("PAR1", name="bad.parquet"), options=LABEL)
    frame = pd.read_csv(path)
    frame.loc[4, "b"] = np.nan
    frame.to_parquet(tmp_path / "own.parquet")
    with pytest.raises(DataError, match=r"column b of .* got none in row 5"):
        load(tmp_path / "own.parquet", options=LABEL)


#: A table with a column of texts, another of numbers, and the label of each of 30 rows.
COLOURED = ["colour,a,label", *(f"{('red', 'blue', 'dark green')[i % 3]},{i}.5,{'xy'[i % 2]}" for i in range(30))]


def raw_of(path: Path, options: FileOptions) -> Any:
    return prepare(path, root=None, seed=0, validation=None, n_train=None, axes=None, task=None, options=options).raw


def test_texts_become_a_feature_for_each_category(write: Write) -> None:
    raw = raw_of(write(*COLOURED), LABEL)
    assert raw.columns == ("colour", "a")
    assert raw.categories == {"colour": ("blue", "dark green", "red")}
    assert feature_names(raw.columns, raw.categories) == ("colour=blue", "colour=dark green", "colour=red", "a")
    assert raw.x[:3].tolist() == [[0, 0, 1, 0.5], [1, 0, 0, 1.5], [0, 1, 0, 2.5]]
    assert load(write(*COLOURED), options=LABEL).task.input_shape == (4,)


def test_categories_that_are_kept_decide_and_others_count_as_none_of_them(write: Write) -> None:
    kept = replace(LABEL, columns=("a", "colour"), categories={"colour": ("red", "blue")})
    with pytest.warns(UserWarning, match=r"column colour of .*: 'dark green' in line 4, the first of 10"):
        raw = raw_of(write(*COLOURED), kept)
    assert raw.x[:3].tolist() == [[0.5, 1, 0], [1.5, 0, 1], [2.5, 0, 0]]


@pytest.mark.parametrize("name", ["own.csv", "own.parquet"])
def test_numbers_are_categories_where_they_are_said_to_be(write: Write, tmp_path: Path, name: str) -> None:
    lines = ["zip,a,label", *(f"{8000 + i % 2},{i}.5,{'xy'[i // 2 % 2]}" for i in range(30))]
    path, options = write(*lines), replace(LABEL, categorical=("zip",))
    if name == "own.parquet":
        pytest.importorskip("pyarrow")
        import pandas as pd

        frame = pd.read_csv(path).astype({"zip": "float32"})  # as integers with missing values become
        path = tmp_path / name
        frame.to_parquet(path)
    raw = raw_of(path, options)
    assert raw.categories == {"zip": ("8000", "8001")}
    assert raw.x[:2].tolist() == [[1, 0, 0.5], [0, 1, 1.5]]
    with pytest.raises(DataError, match=r"categorical \(--categorical\): .* did you mean 'zip'"):
        load(path, options=replace(LABEL, categorical=("zipp",)))
    with pytest.raises(DataError, match=r"expected a column of features of .*, got 'label'"):
        load(path, options=replace(LABEL, categorical=("label",)))


def test_a_missing_category_is_refused_or_imputed(write: Write) -> None:
    lines = [*COLOURED, ",3,x"]
    with pytest.raises(DataError, match=r"column colour of .* expected a category in every row, got none in line 32"):
        load(write(*lines), options=LABEL)
    raw = raw_of(write(*lines), replace(LABEL, impute="mean"))
    assert raw.x[-1, :3].sum() == pytest.approx(1)
    assert raw.x[-1, :3] == pytest.approx(1 / 3, abs=0.1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([f"n{i}" for i in range(30)], r"column name of .* up to 15 different texts .*, got 30, like 'n0' in line 2; .*"
                                       r"--ignore 'name'.*--categorical 'name'"),
        (["2,5", "3,1"] * 15, "column name of .* expected numbers, got '2,5' .* write decimals with a point"),
        (["2024-01-30", "2024-01-31 12:00"] * 15, "column name of .* expected numbers, got '2024-01-30' in line 2"),
        (["30.1.2024", "31.1.24"] * 15, "column name of .* expected numbers, got '30.1.2024' in line 2"),
        (["a", "1"] * 15, r"column name of .* expected numbers, got 'a' in line 2.*--categorical 'name'"),
        ([""] * 30, "column name of .* got none in line 2"),
    ],
    ids=["too many", "decimal commas", "days", "days in another order", "texts and numbers", "none"],
)
def test_texts_that_are_no_categories_are_refused_by_their_column(
    write: Write, values: list[str], message: str
) -> None:
    lines = ["name,label", *(f'"{value}",{"xy"[i % 2]}' for i, value in enumerate(values))]
    with pytest.raises(DataError, match=message):
        load(write(*lines), options=LABEL)


def test_any_number_of_categories_is_taken_on_demand(write: Write) -> None:
    lines = ["name,label", *(f"n{i},{'xy'[i % 2]}" for i in range(30))]
    assert load(write(*lines), options=replace(LABEL, categorical=("name",))).task.input_shape == (30,)


def test_lists_in_a_parquet_file_are_refused(write: Write, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    frame = pd.DataFrame({"a": [[1, 2]] * 4, "label": list("xyxy")})
    frame.to_parquet(tmp_path / "own.parquet")
    with pytest.raises(DataError, match=r"column a of .* expected one value in every row, got several in row 1"):
        load(tmp_path / "own.parquet", options=LABEL)


TWO_TARGETS = ["a,low,high", *(f"{i},{i / 2},{i % 7}" for i in range(30))]


@pytest.mark.parametrize("target", ["low,high", " low , high", ("low", "high")])
def test_several_targets_make_a_regression(write: Write, target: Any) -> None:
    raw = raw_of(write(*TWO_TARGETS), FileOptions(target=target))
    assert (raw.columns, raw.targets) == (("a",), ("low", "high"))
    assert raw.y[:3].tolist() == [[0, 0], [0.5, 1], [1, 2]]


def test_a_column_whose_name_has_a_comma_is_one_target(write: Write) -> None:
    raw = raw_of(write('a,"low,high"', *(f"{i},{i / 2}" for i in range(30))), FileOptions(target="low,high"))
    assert raw.y.shape == (30, 1)


@pytest.mark.parametrize(
    ("target", "task", "message"),
    [
        ("low,hihg", None, r"target \(--target\): expected a column of .*, got 'hihg', did you mean 'high'"),
        ("low,low", None, "expected different columns, got 'low' twice"),
        ("low,text", None, "column text of .* numbers for a regression, got 'z' in line 2.* no other target"),
        ("low,same", None, "column same of .* expected a target that differs, got '3' in all 30 rows"),
        ("low,high", "classification", "expected one column with the classes of .*, got low, high"),
    ],
)
def test_several_targets_that_do_not_fit_are_refused(write: Write, target: str, task: Any, message: str) -> None:
    lines = [f"{line},{'text,same' if not i else 'z,3'}" for i, line in enumerate(TWO_TARGETS)]
    with pytest.raises(DataError, match=message):
        load(write(*lines), options=FileOptions(target=target), task=task)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1,2,w"], r"column label of .*: expected the classes x, y, z, got 'w' in line 2"),
        (["1,2,x", "1,,y"], "column b of .* got none in line 3"),
        (["1,2,x", "1,red,y"], "column b of .* expected numbers, got 'red' in line 3"),
        (["1,2,x", "1,3"], "expected 3 values in line 3"),
        (["1,2,"], "column label of .* got none in line 2"),
    ],
)
def test_a_test_table_that_could_not_be_used_is_refused_at_the_start(
    write: Write, rows: list[str], message: str
) -> None:
    path, other = write(HEADER, *ROWS), write(HEADER, *rows, name="other.csv")
    options = replace(LABEL, test=other)
    splits = load(path, options=options)
    with pytest.raises(DataError, match=message):
        check_test_set(splits, options)
    with pytest.raises(DataError, match=message):
        load(path, options=options, check_test=True)
    with pytest.raises(DataError, match=message):
        load(path, options=replace(LABEL, validation=other))


NAMES = np.array(["cat", "dog", "emu"])


def test_a_class_with_one_sample_is_named(write_npz: Callable[..., Path]) -> None:
    path = write_npz(y_train=np.array([0, 1] * 14 + [0, 2]), classes=NAMES)
    with pytest.raises(DataError, match=r"expected at least 2 samples of every class .* got 1 of class emu"):
        load(path)


def test_an_array_of_classes_names_them_and_leaves_the_data_set_the_same(write_npz: Callable[..., Path]) -> None:
    plain, named = load(write_npz()), load(write_npz(classes=NAMES))
    assert named.classes == tuple(NAMES)
    assert equal(plain, named)
    assert load(write_npz(classes=NAMES.astype("S"))).classes == tuple(NAMES)
    assert load(write_npz(classes=NAMES), options=FileOptions(classes=("a", "b", "c"))).classes == ("a", "b", "c")


@pytest.mark.parametrize("classes", [NAMES[:2], NAMES[[0, 0, 1]], NAMES[:, None], NAMES.astype(object)])
def test_an_array_of_classes_that_does_not_fit_is_noted_and_not_used(
    write_npz: Callable[..., Path], classes: np.ndarray
) -> None:
    with pytest.warns(UserWarning, match=r"the array classes of .*own.npz is not used"):
        assert load(write_npz(classes=classes)).classes == ()
