"""What another package has of the contracts: a few lines run them, failures are explained, imports are few."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = '''
from dataclasses import dataclass

from evonas.search import NSGA2
from evonas.testing import MetricContract, SearcherContract, SpaceContract, ToySpace
from evonas.types import Task

TASK = Task("classification", (8,), 2)


class TestMySpace(SpaceContract):
    task = TASK
    space = ToySpace()


class TestMySearcher(SearcherContract):
    factory = NSGA2


class Negative(ToySpace):
    def cost(self, genotype):
        return {"params": 1.0, "flops": -2.5}


class TestNegative(SpaceContract):
    task = TASK
    space = Negative()


class TestWithoutItsSpace(SpaceContract):
    task = TASK


class TestWithoutItsFactory(SearcherContract):
    pass


class TestWithoutItsMetric(MetricContract):
    space = ToySpace()
'''


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of the tests of another package, in a folder of its own."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "test_mine.py").write_text(TESTS)
    return run("-m", "pytest", "-p", "no:cacheprovider", "-rA", "-q", "test_mine.py", folder=folder).stdout


def outcomes(output: str, name: str) -> set[str]:
    """Outcomes of the tests of a class, from the summary."""
    return {line.split()[0] for line in output.splitlines() if f"::{name}::" in line and line.split()[0].isupper()}


def test_a_class_of_two_lines_runs_every_law(output: str) -> None:
    assert outcomes(output, "TestMySearcher") == {"PASSED"}
    assert outcomes(output, "TestMySpace") == {"PASSED"}
    assert "SKIPPED" in output, "capabilities that the toy space lacks"


def test_what_is_broken_is_said_with_the_values_that_were_found(output: str) -> None:
    assert outcomes(output, "TestNegative") == {"PASSED", "FAILED"}
    assert "AssertionError: the cost flops is negative" in output
    assert "assert -2.5 >= 0" in output, "pytest has rewritten the assertion"


def test_what_a_class_lacks_is_said(output: str) -> None:
    assert "TestWithoutItsSpace sets no `space`: give the class an attribute or a fixture of this name" in output
    assert "TestWithoutItsFactory sets no `factory`: give the class the searcher's class, or a fixture" in output
    assert "TestWithoutItsMetric sets no `metric`: give the class an attribute or a fixture of this name" in output


def test_importing_evonas_imports_no_tests_and_the_toy_space_no_torch(tmp_path: Path) -> None:
    done = run("-c", "import evonas, evonas.cli, sys; sys.exit('pytest' in sys.modules)", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    code = "from evonas.testing import ToySpace; import sys; print({'torch', 'pytest', 'hypothesis'} & {*sys.modules})"
    done = run("-c", code, folder=tmp_path)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize("lacking", ["pytest", "hypothesis"])
@pytest.mark.parametrize("module", ["", ".space_contract", ".toy"])
def test_what_is_not_installed_is_said_with_the_way_to_get_it(tmp_path: Path, lacking: str, module: str) -> None:
    done = run("-c", f"import sys; sys.modules['{lacking}'] = None; import evonas.testing{module}", folder=tmp_path)
    sentence = f"evonas.testing needs {lacking}, which the extra brings: pip install 'evonas[testing]'"
    assert done.stderr.strip().endswith(f"ModuleNotFoundError: {sentence}")


def test_a_method_that_should_be_a_fixture_is_refused_with_the_remedy() -> None:
    from evonas.testing import SpaceContract, ToySpace

    with pytest.raises(TypeError, match=r"Bad\.space is a method .* put @pytest\.fixture above it"):
        class Bad(SpaceContract):
            def space(self) -> ToySpace:
                return ToySpace()


def test_an_unknown_name_is_no_part_of_the_package() -> None:
    import evonas.testing

    with pytest.raises(AttributeError, match="has no attribute 'SpaceContracts'"):
        evonas.testing.SpaceContracts  # noqa: B018
    assert {getattr(evonas.testing, name).__name__ for name in evonas.testing.__all__} == set(evonas.testing.__all__)
