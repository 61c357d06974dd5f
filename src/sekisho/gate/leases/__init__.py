"""leases: what opens a gate for a while, and how it asks for that."""
