"""Measurements of Sekisho beside its peers. `make bench` runs them; none of them is a test."""
