"""gate: may this key be used? The last check before signing: bytes against pass, default deny."""
