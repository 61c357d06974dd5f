"""Pages for people: what was asked for, and their passkeys' statements on it."""
