"""Knowing a data set: what each clip is like, what is there twice, and what lies on both sides of a split."""
