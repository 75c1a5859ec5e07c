"""Data sets in memory: ``load`` returns what a search may see; the test set is in :mod:`evonas.data.test_split`."""

from evonas.data.downloading import fetch
from evonas.data.loading import load
from evonas.data.locating import CatalogueEntry, catalogue
from evonas.data.own_files import FileOptions
from evonas.data.samples import Samples, Splits
from evonas.types import DataError

__all__ = ["CatalogueEntry", "DataError", "FileOptions", "Samples", "Splits", "catalogue", "fetch", "load"]
