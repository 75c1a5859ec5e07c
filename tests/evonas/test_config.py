"""Whatever stands in a configuration file: a configuration, or one sentence."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.config import RunConfig, build_config
from evonas.types import UserError

KEYS = [*RunConfig.model_fields, "x"]
scalars = st.sampled_from([
    "0", "-1", "1e999", "nan", "inf", "true", "[]", "{}", '""', '"x"', '"\\u0000"', '["a", 1]', "[[]]", "1979-05-27",
    "9" * 30, "{a = 1}", "{a = {b = []}}", '["flops", "flops"]', '"~nobody/x"', '"' + "x" * 5000 + '"', "[1, 2]",
])
lines = st.lists(st.tuples(st.sampled_from(KEYS), scalars).map(" = ".join), max_size=4, unique=True).map("\n".join)


def check(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.toml")
        path.write_bytes(content)
        try:
            config = build_config(path, {})
        except UserError as error:
            message = str(error)
        else:
            json.dumps(config.to_json())
            return
    assert message


@given(lines.map(str.encode) | st.binary(max_size=40))
@settings(max_examples=200)
def test_any_file_is_a_configuration_or_one_sentence(content: bytes) -> None:
    check(content)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100_000, "a = " + "{a=" * 100_000, "a." * 1000 + "a = 1", "epochs = " + "9" * 5000],
)
def test_what_is_too_deep_or_too_long_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(UserError):
        build_config(tmp_path / "run.toml", {})
