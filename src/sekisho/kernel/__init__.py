"""kernel: money, time, findings, canonical bytes, digests, ids, and spoken words."""
