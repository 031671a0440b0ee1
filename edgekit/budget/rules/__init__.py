"""Counting rules: one small function an operator family, and one table a dialect that says which rule is whose.

An operator is counted, free, or undecidable; one that is in no table has no rule, and the model is undecided.
"""
