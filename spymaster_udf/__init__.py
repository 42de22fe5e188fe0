"""Kernels: nothing but arrays in and out. This package imports no other package of the project."""

from spymaster_udf.kernel_cache import use_kernel_cache

use_kernel_cache()
