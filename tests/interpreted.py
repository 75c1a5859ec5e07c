"""Triton's interpreter without work of it that changes no result, which is half of its time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any


@cache
def quicken() -> None:
    """Let this process interpret kernels about twice as fast; releases of Triton with other parts stay as they are.

    At every launch, and at every call within a kernel, the interpreter replaces the functions of ``triton.language``
    anew by the same ones: once is enough where nothing is ever compiled. It computes every sum of integers a second
    time to see an overflow, of which it tells only when it debugs. And it makes a table of types for every value.
    """
    from triton.runtime import interpreter

    parts: Any = interpreter
    if all(hasattr(parts, name) for name in ("_LangPatchScope", "_patch_lang", "_get_np_dtype")):
        patch, put_back = cache(parts._patch_lang), parts._LangPatchScope
        type_of, known = parts._get_np_dtype, cache(parts._get_np_dtype)

        def patch_once(fn: Any) -> Any:
            patch(fn)
            return put_back()  # restores nothing at the end of a call

        parts._patch_lang = patch_once
        parts._get_np_dtype = lambda kind: (type_of if kind.scalar.is_ptr() else known)(kind.scalar)
    options: Any = getattr(parts.interpreter_builder, "options", None)
    if getattr(options, "sanitize_overflow", False) and not options.debug:
        parts.interpreter_builder.options = replace(options, sanitize_overflow=False)
