"""C for chips: kernels, front-end, toolchains and firmware projects."""
