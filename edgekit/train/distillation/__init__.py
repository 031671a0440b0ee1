"""Students that learn from teachers: one loss a file, teachers online or as stored logits."""
