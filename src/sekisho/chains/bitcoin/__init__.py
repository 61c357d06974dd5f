"""bitcoin: transactions, blocks, scripts, addresses and signatures, between bytes and values."""
