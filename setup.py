"""Builds the native trainer of neuron networks: plain C++17 behind a C interface, loaded with ctypes.

The metadata is in pyproject.toml. The kernel is compiled once for each instruction set, and the library chooses among
them when it is loaded. Without a C++ compiler the installation succeeds, and networks are trained with torch.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

NATIVE = Path("search_spaces/neuron/native")
FLAGS = ["-std=c++17", "-O3", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
#: GCC 12 takes its own AVX-512 intrinsics for uses of uninitialised values (its bug 105593).
FLAGS += ["-Wall", "-Wextra", "-Wno-maybe-uninitialized"]
LINK_FLAGS = []
if os.environ.get("EVONAS_SANITIZE"):  # see scripts/sanitize.sh
    LINK_FLAGS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    FLAGS += [*LINK_FLAGS, "-g", "-O1", "-fno-omit-frame-pointer"]
KERNELS: dict[str, list[str]] = {"kGenericKernel": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    FLAGS += ["-DEVONAS_X86"]
    KERNELS["kAvx2Kernel"] = ["-mavx2", "-mfma"]
    KERNELS["kAvx512Kernel"] = [
        "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mfma", "-mprefer-vector-width=512",
    ]


class BuildNative(build_ext):
    """Compiles the kernel once for each instruction set, and names the library without a Python version."""

    def build_extension(self, ext: Extension) -> None:
        kernel = str(NATIVE / "kernel.cpp")
        ext.extra_objects = []
        for name, flags in KERNELS.items():
            ext.extra_objects += self.compiler.compile(
                [kernel], output_dir=str(Path(self.build_temp) / name), depends=ext.depends,
                extra_postargs=[*FLAGS, f"-DEVONAS_KERNEL={name}", *flags],
            )
        super().build_extension(ext)

    def get_ext_filename(self, fullname: str) -> str:
        return str(Path(*fullname.split("."))) + ".so"


class PlatformWheel(bdist_wheel):
    """Tagged for any Python 3: the library is loaded with ctypes and knows nothing of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", super().get_tag()[2])


setup(
    ext_modules=[
        Extension(
            "search_spaces.neuron.trainer.libevonas_native",
            sources=[str(NATIVE / f"{name}.cpp") for name in ("abi", "model", "parameters", "regrow", "session")],
            depends=[str(path) for path in sorted(NATIVE.glob("*.h"))] + [str(NATIVE / "kernel.cpp")],
            extra_compile_args=FLAGS,
            extra_link_args=LINK_FLAGS,
            language="c++",
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildNative, "bdist_wheel": PlatformWheel},
)
