"""How kernels are compiled: one decorator, one reason for each option."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

kernel: Callable[..., Any] = partial(
    njit,
    nogil=True,  # other threads (and a worker's heartbeat) run meanwhile
    cache=True,  # compiled once a machine, see kernel_cache.py
    error_model="numpy",  # divisors are checked by the driver: no branch for zero in the loop
    # No reference counts: the kernels allocate nothing, and counting every array passed to a
    # function cost as much as the book itself (3.9 instead of 7.0 million messages a second).
    _nrt=False,
)
"""Decorator `@kernel()` for a compiled function over arrays; it must not allocate."""


def _prefetch(typing_context: Any, array: Any, place: Any) -> Any:
    """Ask for array[place] to be brought into cache; unlike a load, nothing waits for it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array_type = signature.args[0]
        view = context.make_array(array_type)(context, builder, args[0])
        item = cgutils.get_item_pointer(context, builder, array_type, view, [args[1]])
        byte = ir.IntType(8).as_pointer()
        integer = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, *[integer] * 3])
        )
        read, keep, data = integer(0), integer(3), integer(1)
        builder.call(function, [builder.bitcast(item, byte), read, keep, data])
        return context.get_dummy_value()

    return types.void(array, place), codegen


prefetch = intrinsic(_prefetch)
