"""Wire the rooms to the edges: the one place that builds real things."""
