"""Searches over recipes with Optuna: many workers, one storage, budgets that are kept."""
