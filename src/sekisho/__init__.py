"""Sekisho: the checkpoint that every coin leaving a crypto-asset exchange must pass."""
