"""Networks that leave the engine.

- ``package``: ``torch`` (safetensors, read back by :func:`evonas.load`) and ``json``, whatever the space
- ``programs``: ``onnx``, and what the space itself offers (``c``); checked against torch

Every exporter takes a :class:`Package`: one network with all that is needed to use it elsewhere.
"""

from evonas.export.package import FORMATS, Package, export

__all__ = ["FORMATS", "Package", "export"]
