"""Networks that leave the engine: ``torch`` (safetensors, read back by :func:`evonas.load`) and ``json``.

Every exporter takes a :class:`Package`: one network with all that is needed to use it elsewhere.
"""

from evonas.export.package import FORMATS, Package, export

__all__ = ["FORMATS", "Package", "export"]
