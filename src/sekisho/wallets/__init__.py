"""wallets: what do we hold, where, under which descriptor, and who may move it?"""
