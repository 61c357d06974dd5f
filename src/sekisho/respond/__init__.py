"""respond: from alarm to contained; for now, the incident and its loss."""
