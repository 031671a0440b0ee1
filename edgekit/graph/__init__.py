"""The static graph: types, readers, passes, memory planner and interpreters."""
