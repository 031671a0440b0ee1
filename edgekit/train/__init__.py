"""Recipes, training loop, checkpoints and evaluation."""
