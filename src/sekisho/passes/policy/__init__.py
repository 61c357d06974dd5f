"""Policy packs: the numbers and rules under which a pass may leave, beside its quorum."""
