"""edges: files, keys and block stores; the only code that meets the outside."""
