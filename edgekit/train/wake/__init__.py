"""Wake words: stretches of stream as features, changed and learned from as streams."""
