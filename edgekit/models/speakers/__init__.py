"""Speaker models: embeddings whose cosine says whether two clips are of one voice."""
