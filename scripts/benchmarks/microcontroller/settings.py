"""Budgets of data sets, the searches for networks within them, and the methods that are compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from evonas.runtimes.targets import Figures
from evonas.types import IntegerType

#: The target of all rows, and the types of weights of which a budget takes the better one.
TARGET = "cortex-m4"
PRECISIONS: tuple[IntegerType, ...] = ("int8", "int4")


class Budget(NamedTuple):
    """Most of what a linked image may take.

    Attributes:
        flash: Bytes.
        ram: Bytes, with the stack; None is no bound.
        instructions: Of a sample; None is no bound.
    """

    flash: int
    ram: int | None = None
    instructions: int | None = None

    def holds(self, figures: Figures) -> bool:
        """Whether a linked image keeps to it."""
        counted = figures.instructions or 0.0
        return (
            figures.flash <= self.flash and (self.ram is None or figures.ram <= self.ram)
            and (self.instructions is None or counted <= self.instructions)
        )

    def __str__(self) -> str:
        bounds = [f"{self.flash:,} bytes of flash"]
        bounds += [] if self.ram is None else [f"{self.ram:,} of RAM"]
        bounds += [] if self.instructions is None else [f"{self.instructions:,} instructions"]
        return ", ".join(bounds).replace(",", " ").replace("  ", ", ")


class Setting(NamedTuple):
    """Budgets of a data set and the search for them.

    Attributes:
        budgets: Each has a row for every method.
        search: Settings of the run.
        n_candidates: Networks of each type of weights that are fine-tuned for a budget, the best of the run that keep
            to it.
        trial_epochs: Epochs of fine-tuning before validation chooses among them.
        final_epochs: Epochs of fine-tuning the chosen one on all training samples.
    """

    budgets: tuple[Budget, ...]
    search: Mapping[str, Any]
    n_candidates: int = 4
    trial_epochs: int = 12
    final_epochs: int = 20


#: Settings of all searches: their time ends them.
COMMON: Mapping[str, Any] = MappingProxyType({
    "space": "neuron", "searcher": "nsga2", "generations": 1_000_000, "population": 20, "children": 10,
})

#: By name of the data set. On Fashion-MNIST the objective is what bounds the best network, and founders are not kept to
#: the budget, since good small networks descend from large ones: a search of 5 minutes among up to 9 000 edges, kept to
#: 100 000 instructions and 32 768 bytes, had 90.2 % on validation at most; this one, in 2.5 minutes, 91.6 % within
#: 100 000 instructions (seed 0). With FLOPs for an objective networks take up to 40 instructions an edge, since they
#: have many neurons of an edge or two. On MNIST a search among all sizes has few trials at 1 800 edges, which with
#: weights of 4 bits take 4 096 bytes, and one that is kept to these drifts to smaller ones (5 minutes had 97.6 % on
#: validation); within twice the budget, and from 2 800 bytes on, neither happens. Networks that share weights had 1
#: point less there: few values, but tables of places.
SETTINGS: Mapping[str, Setting] = MappingProxyType({
    "fashion-mnist": Setting(
        (Budget(32_768, 8_192, 100_000), Budget(8_192)),
        {
            "objectives": ["val_error", f"int8_instructions@{TARGET}"], "epochs": 18,
            "space_options": {"edges": [1_000, 42_700]},
            "training": {"shift": 1, "min_edges_for_augmentation": 8_000},
        },
    ),
    "mnist": Setting(
        (Budget(4_096),),
        {
            "objectives": ["val_error", f"int4_flash_estimate@{TARGET}"],
            "constraints": [f"int4_flash_estimate@{TARGET}{bound}" for bound in ("<=8192", ">=2800")], "epochs": 20,
            "space_options": {"edges": [800, 20_000], "founder_edges": [1_000, 12_000]},
            "training": {"shift": 1, "min_edges_for_augmentation": 1_500},
        },
        n_candidates=6, trial_epochs=20, final_epochs=60,
    ),
})
#: Of any other data set.
OTHER = Setting(
    (Budget(16_384),),
    {
        "objectives": ["trainval_error", f"int8_flash_estimate@{TARGET}"],
        "constraints": [f"int8_flash_estimate@{TARGET}<=16384"], "space_options": {"edges": [100, 8_000]},
    },
)


def setting_of(dataset: str) -> Setting:
    """Return the setting of a data set by its name or file."""
    return SETTINGS.get(Path(dataset).stem, OTHER)
