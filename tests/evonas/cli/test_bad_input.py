"""Options and files of settings that are refused: one clear sentence and exit code 2, and nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evonas.cli.conftest import Refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--population", 1], "population must be greater than or equal to 2, got 1"),
        (["--children", 0], "children must be greater than or equal to 1, got 0"),
        (["--epochs", -1], "epochs must be greater than or equal to 1, got -1"),
        (["--generations", -1], "generations must be greater than or equal to 0, got -1"),
        (["--time-limit", -5], "time_limit must be greater than 0, got -5"),
        (["--trial-timeout", 0], "trial_timeout must be greater than 0, got 0"),
        (["--jobs", 0], "jobs must be greater than or equal to 1, got 0"),
        (["--seed", -1], "seed must be greater than or equal to 0"),
        (["--n-train", 0], "n_train must be greater than or equal to 1"),
        (["--n-train", 100000], "100000"),
        (["--n-validation", 100000], "100000"),
        (["--learning-rate", -1], "learning_rate must be positive and finite, got -1"),
        (["--searcher", "nsga"], "unknown searcher 'nsga', did you mean 'nsga[23]'"),
        (["--searcher", "nsga2", "--searcher-option", "simple=3"], "'nsga2' has no settings of its own, got .* simple"),
        (["--searcher", "nsga3", "--searcher-option", "simple=3"], "unknown key 'simple' in searcher_options"),
        (["--searcher-option", "survival=aging"], "'nsga2' has no option 'survival' .* a run: give --survival$"),
        (["--searcher-option", "crossover_rate=.3"], "of a run: set crossover_rate in a file, above its tables$"),
        (["--searcher-option", "sample=3"], "of regularized-evolution: .* give --searcher regularized-evolution$"),
        (["--searcher-option", "batch_size=3"], "which is a setting of training: give --batch-size$"),
        (["--searcher-option", "optimizer=adam"], r"set optimizer in the table \[training\] of a file$"),
        (["--searcher-option", "norm=none"], "which is an option of the space: give --space-option norm=VALUE$"),
        (["--searcher-option", "prior=entropy"], "--search-option prior=VALUE to `evonas seed --method hyperne"),
        (["--searcher", "surrogate", "--searcher-option", "survival=aging"], "give --survival --searcher nsga2$"),
        (["--searcher", "surrogate", "--searcher-option", "sample=3"], "did you mean 'samples'.*regularized-evolution"),
        (["--searcher", "surrogate", "--space-option", "trees=3"], "the searcher: give --searcher-option trees=VALUE"),
        (["--space-option", "population=3"], "the neuron space has no option 'population' .*: give --population$"),
        (["--searcher", "nsga3", "--searcher-option", "crossover_rate=x"], "searcher_options: crossover_rate must be"),
        (["--searcher", "nsga3", "--searcher-option", "crossover_rate=2"], "crossover_rate must be a probability"),
        (["--searcher", "nsga3", "--searcher-option", "rate"], "cannot read --searcher-option 'rate'"),
        (["--searcher", "surrogate", "--rungs", "1,3"], r"'surrogate': .* one budget, got \[1, 3\]: give epochs"),
        (["--searcher", "hyperband", "--epochs", 2], "'hyperband' needs 3 epochs at least, or rungs, got 2 epochs"),
        (["--searcher", "reinforce"], "'reinforce': .* networks of this space are not made of"),
        (["--evaluations", 0], "evaluations must be greater than or equal to 1, got 0"),
        (["--evaluator", "table"], "no table of the search space 'neuron', but of nasbench201: choose such a space"),
        (["--evaluator", "table", "--space", "nasbench201"], "of cifar10, cifar100, imagenet16-120, got .*'digits'"),
        (["--evaluator", "table", "--n-train", 5], "'table' trains nothing and sees no samples: leave out n_train"),
        (["--evaluator", "table", "--space", "nasbench201", "--dataset", "cifar10"],
         r"expected nasbench201\.csv .*\(--data-root\) or \$EVONAS_DATA"),
        (["--survival", "ageing"], "survival must be 'aging', 'aging-dominated' or 'elitist', got 'ageing'"),
        (["--rungs", "6,2"], r"rungs must be ascending numbers of epochs, at least 1, got \[6, 2\]"),
        (["--rungs", "2,x"], "rungs.1 must be a valid integer, .*got 'x'"),
        (["--space", "nueron"], "unknown search space 'nueron', did you mean 'neuron'"),
        (["--trainer", "nativ"], "option trainer of the neuron space: .*'native'.*got 'nativ', did you mean 'nati"),
        (["--trainer", "cud"], "expected 'auto', .* or 'cuda', got 'cud', did you mean 'cuda'.$"),
        (["--evaluator", "tabel"], "'table', got 'tabel', did you mean 'table'.$"),
        (["--asynchronous", "--searcher", "local-search"], "the searcher local-search learns from whole generations"),
        (["--target", "cortex-m4"], "leave it out; .* for the device use --objectives trainval_error,flash@cortex-m4$"),
        (["--target", "board.toml"], "for the device use --target-file board.toml and --objectives .*,flash@NAME$"),
        (["--space-option", "nrom=none"], "unknown option 'nrom' of the neuron space, did you mean 'norm'"),
        (["--space-option", "norm"], "cannot read --space-option 'norm', expected KEY=VALUE, like cells=3"),
        (["--space-option", "norm=a b"], "cannot read --space-option 'norm=a b', expected KEY=VALUE"),
        (["--space-option", f"edges={'9' * 5000}"], "cannot read --space-option 'edges=999+"),
        (["--space-option", f"edges=[1,{'9' * 5000}]"], "cannot read --space-option"),
        (["--space-option", f"norm={'[' * 20_000}"], "cannot read --space-option"),
        (["--learning-rate", "1e999"], "learning_rate must be positive and finite, got inf"),
        (["--constraint", "flops>=1e999"], "cannot read the constraint 'flops>=1e999'"),
        (["--space-option", "a b=1"], "cannot read --space-option a b=1: "),
        (["--space-option", "norm=none", "--space-option", "norm=layer"], "cannot read --space-option norm=none norm="),
        (["--objectives", "val_eror,flops"], "unknown objective 'val_eror', did you mean 'val_error'"),
        (["--objectives", "flops,flops"], "one or more different metrics, got flops, flops"),
        (["--objectives", "flops,val_error"], "quality, then costs, got flops, val_error: begin with val_error"),
        (["--objectives", "test_error,flops"], "unknown objective 'test_error'"),
        (["--constraint", "flop<=3"], "unknown metric 'flop' in constraint 'flop<=3', did you mean 'flops'"),
        (["--constraint", "flops<3"], "cannot read the constraint 'flops<3', expected METRIC<=NUMBER"),
        (["--dataset", "fashon-mnist"], "got 'fashon-mnist', did you mean 'fashion-mnist'"),
        (["--data-root", "nowhere"], "expected an existing folder, got .*nowhere"),
        (["nowhere.toml"], "no configuration file nowhere.toml: check the path .it counts from "),
        (["."], "expected a configuration file, got ., which is a folder: name the file in it$"),
    ],
)
def test_a_bad_option_is_refused(refused: Refused, options: list[object], message: str) -> None:
    refused("evolve", *options, message=message)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (b"populaton = 5", "run.toml: unknown key 'populaton', did you mean 'population'"),
        (b"[training]\nlearnin_rate = 1", "unknown key 'learnin_rate' in training, did you mean 'learning_rate'"),
        (b"[training.pruning]\nedgs = 1", "unknown key 'edgs' in training.pruning, did you mean 'edges'"),
        (b"[training]\noptimizer = 'sgd'", "optimizer must be 'adam' or 'adamw', got 'sgd'"),
        (b"[space_options]\nnrom = 'none'", "'nrom'.*[,;] did you mean 'norm'"),
        (b"[space_options.operators]\nad_nodes = 1", "unknown operator 'ad_nodes'[,;] did you mean 'add_nodes'"),
        (b"objectives = 'val_error'", "objectives must be a list, got 'val_error'"),
        (b"population = 'many'", "population must be a valid integer, .*got 'many'"),
        (b"[training]\nmin_edges_for_augmentation = -1", "min_edges_for_augmentation must not be negative, got -1"),
        (b"population = ", "cannot read run.toml as TOML: Invalid value"),
        (b"dataset = '\xff'", "cannot read run.toml as TOML"),
    ],
)
def test_a_bad_configuration_file_is_refused(refused: Refused, toml: bytes, message: str) -> None:
    Path("run.toml").write_bytes(toml)
    refused("evolve", "run.toml", message=message)


def test_what_should_be_a_table_is_refused_whatever_options_say(refused: Refused) -> None:
    Path("run.toml").write_text("training = 3")
    refused("evolve", "run.toml", "--batch-size", 8, message="training must be a valid dictionary, got 3")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evolv"], "^error: no such command 'evolv', did you mean 'evolve'. `"),
        (["learn"], "^error: no such command 'learn'; `"),
        (["evolve", "--popluation", 3], "^error: no such option: --popluation, did you mean '--population'. `"),
        (["evolve", "--lr", 3], "^error: no such option: --lr; `"),
        (["front", "r", "--json=3"], "does not take a value; `.* front --help"),
        (["evolve", "--epochs"], "^error: option '--epochs' requires an argument; `.* evolve --help"),
        (["show"], "^error: RUN: expected a value, got none; `.* show --help`"),
        (["--nonsense"], "no such option: --nonsense"), (["datasets", "fetsh"], "no such command 'fetsh'"),
        (["evolve", "a.toml", "b.toml"], "got unexpected extra argument"),
    ],
)
def test_bad_usage_is_one_sentence_too(refused: Refused, arguments: list[object], message: str) -> None:
    refused(*arguments, message=message)
    refused(*arguments, message="--help` says what there is")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "RUN", "nope"], "^error: ID: expected a whole number, got 'nope'; `.*show --help` says"),
        (["lineage", "RUN", "1.5"], "^error: ID: expected a whole number, got '1.5'; "),
        (["export", "RUN", "best", "--out", "n.c"], "^error: ID: expected a whole number, got 'best'; "),
        (["predict", "RUN", "x.csv", "--id", "x"], "^error: --id: expected a whole number, got 'x'; "),
        (["retrain", "RUN", "--seeds", 0], "^error: --seeds: expected a whole number from 1 to 1000000, got '?0'?; "),
        (["retrain", "RUN", "--seeds", "x"], "^error: --seeds: expected a whole number from 1 to 1000000, got 'x'; "),
        (["retrain", "RUN", "--epochs", -3], "^error: --epochs: expected a whole number from 1 to 1000000, got '?-3"),
        (["retrain", "RUN", "--learning-rate", "fast"], "^error: --learning-rate: expected a number, got 'fast'; "),
        (["retrain", "RUN", "--learning-rate", -1], "^error: --learning-rate: learning_rate must be positive and fin"),
        (["measure", "RUN", "--latency-timeout", -1], "^error: --latency-timeout: expected a number of at least 0"),
        (["measure", "RUN", "--latency-timeout", "inf"], "^error: --latency-timeout must be a finite number of sec"),
        (["score", "RUN", "--seed", -1], "^error: --seed must be greater than or equal to 0, got -1$"),
        (["retrain", "RUN", "--teacher", "r", "--teacher-members", 0], "--teacher-members: expected a whole number fr"),
        (["retrain", "RUN", "--teacher", "r", "--teacher-weight", 7], "--teacher-weight: teacher_weight must be a sh"),
        (["score", "RUN", "--members", 1], "^error: --members: expected a whole number of at least 2, got '?1'?; "),
        (["report", "RUN", "--port", 99999], "^error: --port: expected a whole number from 0 to 65535, got '?99999"),
        (["evolve", "--epochs", "x"], "^error: --epochs: expected a whole number, got 'x'; "),
        (["evolve", "--time-limit", "soon"], "^error: --time-limit: expected a number, got 'soon'; "),
        (["seed", "--members", 1], "^error: --members: expected a whole number from 2 to 1000000, got '?1'?; "),
        (["resume", "RUN", "--generations", "more"], "^error: --generations: expected a whole number, got 'more'; "),
        (["resume", "RUN", "--generations", -1], "^error: --generations must be greater than or equal to 0, got -1"),
        (["front", "RUN", "--best-under", "flops"], "^error: --best-under: cannot read 'flops', expected METRIC=NUM"),
        (["front", "RUN", "--reference", "flops=x"], "^error: --reference: cannot read 'flops=x', expected METRIC=N"),
        (["compare", "RUN", "x", "--budgets", "a,b"], "^error: --budgets: cannot read 'a,b', expected positive"),
        (["evolve", "--impute", "mode"], "^error: --impute must be 'mean' or 'median', got 'mode'$"),
        (["evolve", "--survival", "agin"], "^error: --survival must be .*, got 'agin', did you mean 'aging'.$"),
        (["export", "RUN", 0, "--out", "n.c", "--weights", "serch"], "got 'serch', did you mean 'search'.$"),
        (["export", "RUN", 0, "--out", "n.c", "--precision", "int"], "^error: --precision must be .*, got 'int'"),
        (["export", "RUN", 0, "--out", "no/n.c"], "no/n.c: No such file or directory; make its folder first$"),
        (["predict", "RUN", "no.csv"], "the path of a .csv file, got no.csv, which is no file; check the path"),
        (["predict", "RUN", "no"], "expected the path of an .npz file, got no, which is no file; check the path"),
        (["front", "RUN", "--json", "--csv"], "there is one output: name one of --json and --csv$"),
        (["front", "RUN", "--plot", "n.pgn"], "cannot draw n.pgn: .*; name a file that ends in .png, .svg or .pdf$"),
        (["front", "RUN", "--best-under", "energy@cortex-m4=3"], "its file lacks nanojoules_per_cycle; write a file"),
        (["evolve", "--survival", "x"], "^error: --survival must be 'aging', 'aging-dominated' or 'elitist', got 'x'$"),
        (["evolve", "--n-train", 0], "^error: --n-train: n_train must be greater than or equal to 1, got 0$"),
        (["evolve", "--batch-size", 0], "^error: --batch-size"),
        (["score", "--genotype", "x", "--seed", -1], "^error: --seed must be greater than or equal to 0, got -1$"),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_its_option(
    refused: Refused, run: Path, arguments: list[object], message: str
) -> None:
    refused(*(run if argument == "RUN" else argument for argument in arguments), message=message)


def test_what_the_file_says_is_blamed_on_the_file(refused: Refused) -> None:
    Path("run.toml").write_text("impute = 'mode'\ntarget = 3\n")
    message = "^error: run.toml: target must be a valid string or a list, got 3$"
    refused("evolve", "run.toml", "--epochs", 3, message=message)
    refused("evolve", "run.toml", "--target", "y", message="^error: run.toml: impute must be 'mean' or 'median', got")


def test_an_existing_run_is_not_overwritten_and_can_be_resumed(refused: Refused, run: Path) -> None:
    refused("evolve", "--out", run, message="run exists already: resume it .evonas resume .*run.* or choose another")


def test_an_existing_folder_is_not_taken_for_a_run(refused: Refused) -> None:
    Path("thesis").mkdir()
    refused("evolve", "--out", "thesis", message="thesis exists already: choose another --out")


def test_a_run_that_cannot_be_made_is_refused(refused: Refused) -> None:
    Path("file").touch()
    refused("evolve", "--out", "file/run", message="cannot make file/run: .*(Not a dir|File exists).*; choose")
