"""passes: what may leave? Requests, rosters, approvals, and the life of a pass."""
