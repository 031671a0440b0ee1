"""Reprogramming: a frozen classifier does another task through trained inputs and a map of its classes."""
