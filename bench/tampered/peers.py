"""What the libraries that wrote and read the PSBTs say of them by themselves.

They know nothing of a pass: they answer whether a PSBT may be signed at all, as a signer that
uses them would ask. `purse` is the wallet that the signer holds keys of.
"""

from typing import Any

from btclib_wallet.psbt.psbt import Psbt
from embit.psbt import PSBT

from bench.tampered.purses import Purse


def embit_lets_through(psbt: bytes, purse: Purse) -> bool:
    """Return whether embit parses it, verifies every coin, knows it for its own, and has a fee.

    `verify` needs the previous transaction; for taproot, where a claim may stand alone, it is
    told not to miss it. `owns` needs keys and paths, and is not asked where a wallet wrote none.
    """
    try:
        read: Any = PSBT.parse(psbt)
        for each in read.inputs:
            each.verify(ignore_missing=each.is_taproot)
            if (each.bip32_derivations or each.taproot_bip32_derivations) and (
                not purse.descriptor.owns(each)
            ):
                return False
        return bool(read.fee() >= 0)
    except Exception:  # noqa: BLE001 - embit raises many kinds; each of them is a no
        return False


def btclib_lets_through(psbt: bytes, _: Purse) -> bool:
    """Return whether btclib-wallet parses it and calls it signable (BIP-174's signer checks)."""
    try:
        Psbt.parse(psbt).assert_signable()
    except Exception:  # noqa: BLE001 - each of them is a no
        return False
    return True


PEERS = {"embit": embit_lets_through, "btclib-wallet": btclib_lets_through}
