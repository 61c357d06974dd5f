"""witness: what was the journal when others saw it?"""
