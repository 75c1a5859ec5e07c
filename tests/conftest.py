"""What must be so before any test module is imported."""

import os

#: Triton decides when it is imported, by whatever comes first, whether kernels are compiled or interpreted.
os.environ["TRITON_INTERPRET"] = "1"
