"""The model in C: one emitter a kernel family, a static memory plan, sources and header."""
