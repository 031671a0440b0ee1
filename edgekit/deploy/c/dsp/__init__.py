"""Kernels for cores with the DSP extension (Armv7E-M, Armv8-M Mainline): two products of int16 an instruction."""
