"""Tables of a run in pandas, whose columns are found by their former names, too."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from evonas.serialization import renamed


class RunSeries(pd.Series):
    """One row or column of a :class:`RunFrame`."""

    @property
    def _constructor(self) -> Any:
        return RunSeries

    @property
    def _constructor_expanddim(self) -> Any:
        return RunFrame

    def __getitem__(self, key: Any) -> Any:
        """An entry; a former name of a metric is accepted with a warning."""
        return super().__getitem__(_present(key, self.index))


class RunFrame(pd.DataFrame):
    """A table whose columns are metrics and facts of individuals.

    A former name in the place of a column's name raises a :class:`evonas.serialization.renamed.RenamedWarning` that has
    the present one, as everywhere.
    """

    @property
    def _constructor(self) -> Any:
        return RunFrame

    @property
    def _constructor_sliced(self) -> Any:
        return RunSeries

    def __getitem__(self, key: Any) -> Any:
        """A column by its name, or several by a list of names."""
        return super().__getitem__(_present(key, self.columns))

    def __getattr__(self, name: str) -> Any:  # type: ignore[misc] # pandas defines it, its stubs call it final
        """A column as an attribute; known names come before this is asked."""
        return super().__getattr__(_present(name, self.columns) if name in renamed.COLUMNS_AND_METRICS else name)

    def sort_values(self, by: Any, **options: Any) -> Any:
        """As in pandas.

        Args:
            by: Names of columns.
            options: As in pandas.
        """
        return super().sort_values(_present(by, self.columns), **options)


def _present(key: Any, known: pd.Index[Any]) -> Any:
    """The key with the present names of columns; whatever is no former name stays."""
    if isinstance(key, list):
        return [_present(name, known) for name in key]
    if isinstance(key, Hashable) and key in renamed.COLUMNS_AND_METRICS and key not in known:
        return renamed.column(str(key))
    return key
