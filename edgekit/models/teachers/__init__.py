"""Large models that students learn from."""
