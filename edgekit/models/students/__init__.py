"""Small models that fit the budget."""
