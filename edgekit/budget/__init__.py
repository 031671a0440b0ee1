"""Count a model and judge it against a budget; imports no torch and no runtime."""
