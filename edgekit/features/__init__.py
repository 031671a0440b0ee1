"""Audio front-ends: one spec, a numpy reference and a torch twin."""
