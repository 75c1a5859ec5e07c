"""Command ``evonas predict``: outputs of a run's network for new samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evonas.cli.console import print_stderr, say_written
from evonas.cli.options import CHOICE, OUTPUT, RunFolder
from evonas.types import UserError

if TYPE_CHECKING:
    import pandas as pd

    from evonas.run.open import OpenRun
    from evonas.types import Doubles

#: Samples of a forward pass; bounds memory only.
BATCH = 1024


def predict(
    run: RunFolder,
    samples: Annotated[Path, typer.Argument(help="Table with the run's columns, or .npz with x, or .npy.")],
    id: Annotated[
        int | None,
        typer.Option(help="Individual [of the front, the best by the first objective].", rich_help_panel=CHOICE),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(help="search; fresh or inherited: of the latest such retraining.", rich_help_panel=CHOICE),
    ] = "search",
    out: Annotated[
        Path | None, typer.Option(help="CSV file to write [the standard output].", rich_help_panel=OUTPUT)
    ] = None,
) -> None:
    """Predict new samples, one line each: the class and its probabilities, or the values of a regression.

    Columns are found by their names in any order; others are left alone. Missing values are imputed, and categories
    encoded, as in training. Which network it was, and why, is said on the error stream.
    """
    from evonas.data.locating import require_file
    from evonas.data.own_sources import read_features
    from evonas.run.api import package
    from evonas.run.open import open_run
    from evonas.serialization.files import check_ending, write_output

    if out is not None:
        check_ending(out, ".csv")
    with open_run(run) as opened:
        require_file(samples)
        chosen, reason = _choose(opened, run) if id is None else (id, "named by --id")
        network = package(opened, chosen, weights)
        config = opened.config
        x = read_features(samples, config.file_options, opened.task, config.axes)
        try:
            outputs = _outputs(network.module(raw=True), x)
        except ValueError as error:
            raise UserError(f"individual {chosen} of {run} cannot be used: {error}") from error
        text = _table(outputs, opened).to_csv(index=False, lineterminator="\n")
        other = "; --id and --weights name others" if id is None else ""
        print_stderr(f"predicted by individual {chosen} ({reason}; {network.source['weights']}){other}")
    if out is None:
        typer.echo(text, nl=False)
        return
    write_output(out, text.encode())
    say_written(out)


def _choose(opened: OpenRun, run: Path) -> tuple[int, str]:
    """The best member of the front by the first objective, and why it is that."""
    from evonas.front import best_under, front

    members, objective = front(opened.store.records(), opened.objectives), opened.objectives.items[0]
    best = best_under(members, opened.objectives, {}, run=run)
    value = f"{objective.metric} {best.metrics[objective.metric]:.4g}"
    if len(members) == 1:
        return best.id, f"the only one on the front, {value}"
    return best.id, f"the best of {len(members)} on the front by the first objective, {value}"


def _outputs(network: Any, x: Any) -> Doubles:
    """Compute in float64, so that a sample's outputs do not depend on the others of its batch."""
    import numpy as np
    import torch

    network = network.double()
    with torch.inference_mode():
        batches = (torch.from_numpy(x[start : start + BATCH].astype(np.float64)) for start in range(0, len(x), BATCH))
        outputs: Doubles = np.concatenate([network(batch).numpy() for batch in batches])
    return outputs


def _table(outputs: Doubles, opened: OpenRun) -> pd.DataFrame:
    import numpy as np
    import pandas as pd
    from scipy.special import softmax

    if opened.task.kind == "regression":
        target = opened.config.target
        several = target if isinstance(target, tuple) else range(outputs.shape[1])
        names = ["prediction"] if outputs.shape[1] == 1 else [f"prediction {name}" for name in several]
        return pd.DataFrame(outputs, columns=names)
    classes = np.array(opened.config.classes or range(opened.task.n_outputs)).astype(object)
    table = pd.DataFrame(softmax(outputs, axis=1).round(6), columns=[f"probability {name}" for name in classes])
    table.insert(0, "prediction", classes[outputs.argmax(axis=1)])
    return table
