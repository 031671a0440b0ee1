"""C for the audio front-end: tables, schedule and text."""
