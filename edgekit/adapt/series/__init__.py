"""Time series through acoustic models (Voice2Series)."""
