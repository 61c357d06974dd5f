"""watch: what left? Every movement matched to a pass, or an alarm."""
