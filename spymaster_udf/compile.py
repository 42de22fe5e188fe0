"""How kernels are compiled: one decorator, one reason for each option."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.errors import RequireLiteralValue
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


def _prefetch(typing_context: Any, array: Any, place: Any, level: Any) -> Any:
    """Ask for array[place] to be brought into cache (level 1 or 2); unlike a load, nothing waits."""
    if not isinstance(level, types.IntegerLiteral):
        raise RequireLiteralValue(level)
    locality = 4 - level.literal_value

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array_type = signature.args[0]
        view = context.make_array(array_type)(context, builder, args[0])
        item = cgutils.get_item_pointer(context, builder, array_type, view, [args[1]])
        byte = ir.IntType(8).as_pointer()
        integer = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, *[integer] * 3])
        )
        for_reading, of_data = integer(0), integer(1)
        address = builder.bitcast(item, byte)
        builder.call(function, [address, for_reading, integer(locality), of_data])
        return context.get_dummy_value()

    return types.void(array, place, level), codegen


prefetch = intrinsic(_prefetch)
