"""Kernels for cores with Helium (Armv8.1-M with the integer vector extension MVE): 16 products of int8 an instruction.

Each function has a body of MVE intrinsics and one of plain C that computes the same, so that the layer around it runs
on a host under sanitizers.
"""
