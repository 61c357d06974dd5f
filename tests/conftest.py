"""What holds for every test: properties are seeded, and no test fails for being slow."""

from hypothesis import settings

settings.register_profile("sekisho", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("sekisho")
