"""drills: real incidents, replayed with the production code."""
