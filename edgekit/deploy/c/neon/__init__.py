"""Kernels for Armv8-A with Advanced SIMD (Raspberry Pi 3 and later): 16 products of int8 at a time.

Where the compiler's flags announce dot products (Armv8.2-A, Raspberry Pi 5) they are one instruction, elsewhere three.
Each function has a body of intrinsics and one of plain C that computes the same.
"""
