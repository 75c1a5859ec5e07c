"""The published accuracies and scores of the benchmark's architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from evonas.types import UserError

FILES = ("nasbench201.csv.gz", "zero_cost_proxies.csv.gz")
#: Columns of the published scores by proxy, and the one whose architectures are drawn: not all have scores.
PUBLISHED: Mapping[str, str] = MappingProxyType({
    **{name: f"naslib_{name}_c10" for name in (
        "grad_norm", "snip", "plain", "l2_norm", "grasp", "fisher", "synflow", "epe_nas", "zen", "params", "flops",
    )},
    "jacob_cov": "naslib_jacov_c10", "naswot": "naslib_nwot_c10",
})
SCORED = "naslib_snip_c10"
#: Spearman's correlation with accuracy on CIFAR-10 over all architectures, as published.
OVERALL: Mapping[str, float] = MappingProxyType({
    "grad_norm": 0.58, "snip": 0.58, "grasp": 0.51, "fisher": 0.49, "synflow": 0.73, "jacob_cov": 0.74, "naswot": 0.77,
    "zico": 0.76, "swap": 0.79, "reg_swap": 0.88, "params": 0.72, "flops": 0.69, "az_nas": 0.892, "vkdnw_agg": 0.919,
})
#: Columns of the string, the accuracy and the parameters.
TEXT, ACCURACY, PARAMS = "arch_str", "c10_test", "c10_params_m"


def read_tables(folder: Path) -> pd.DataFrame:
    """Read both tables, a row for each architecture by its index.

    Raises:
        UserError: A file is missing or cannot be read, or it lacks a column.
    """
    try:
        first, second = (
            pd.read_csv(folder / name, dtype={"naslib_ops": str}).set_index("index") for name in FILES
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder} has no tables of NAS-Bench-201, expected {' and '.join(FILES)}: {error}") from None
    table = first.join(second.drop(columns="naslib_ops", errors="ignore"))
    if lacking := [name for name in (TEXT, ACCURACY, PARAMS, SCORED) if name not in table]:
        raise UserError(f"the tables in {folder} have no column {', '.join(lacking)}: get them again")
    return table


def drawn(table: pd.DataFrame, n: int) -> Sequence[int]:
    """Return the indices of ``n`` random architectures; the first of a larger number are those of a smaller one."""
    known = table.index[table[SCORED].notna()]
    if n > len(known):
        raise UserError(f"--n: expected at most {len(known)} architectures, which have published scores, got {n}")
    order = pd.Series(known).sample(frac=1, random_state=0)
    return [int(index) for index in order.iloc[:n]]
