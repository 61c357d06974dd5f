"""Honest transactions of every script type, and what happens when one thing in them is changed."""
