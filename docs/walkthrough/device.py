"""Plays what the walk-through cannot bring: three hardware wallets, and the coins on their wallet.

NEVER FOR REAL COINS: the keys follow from the words "holder 1" to "holder 3", so everybody has
them. Every transaction is made up, too.

    device.py descriptor                     the wallet of the three holders, 2 of 3
    device.py sign HOLDER MESSAGES.json      options for `sekisho wallets prove`, signed by one
    device.py funding                        a transaction that pays 400 BTC to the wallet, in hex
    device.py anchor                         the coin that it makes
    device.py psbt ADDRESS BTC               a PSBT that pays from that coin, the rest coming back
"""

import base64
import json
import sys
from pathlib import Path

from btclib.ecc import bms
from btclib.key import PrvKeyData
from btclib.tx import Tx
from btclib_wallet.psbt.psbt import Psbt
from embit.bip32 import HDKey
from embit.descriptor import Descriptor

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.money import Sat, parse_btc

HOLDERS = ("1", "2", "3")
ACCOUNT = "m/48h/0h/0h/2h"
FUNDED_SAT = Sat(400 * 100_000_000)
FEE_SAT = 5_000


def root_of(holder: str) -> HDKey:
    """Return the BIP-32 root of a holder's device."""
    return HDKey.from_seed(tagged_digest("walkthrough", f"holder {holder}".encode()))


def descriptor() -> str:
    """Return the descriptor that the three devices agree on (BIP-380, BIP-389)."""
    keys = []
    for holder in HOLDERS:
        root = root_of(holder)
        account = root.derive(ACCOUNT).to_public().to_base58()
        keys.append(f"[{root.my_fingerprint.hex()}/{ACCOUNT[2:]}]{account}/<0;1>/*")
    return f"wsh(sortedmulti(2,{','.join(keys)}))"


def signed(holder: str, messages: Path) -> str:
    """Return what a holder's device gives for its message, as options of `wallets prove`."""
    fingerprint = root_of(holder).my_fingerprint.hex()
    asked = json.loads(messages.read_text(encoding="utf-8"))["keys"]
    (mine,) = [each for each in asked if each["name"].startswith(fingerprint)]
    node = root_of(holder).derive(mine["path"])
    secret = PrvKeyData(int.from_bytes(node.key.secret, "big"), "mainnet", compressed=True)
    signature = bms.sign(mine["message"].encode(), secret).b64encode()
    return f"--key {mine['name']} --signature {signature}"


def spending(outpoint: OutPoint, outputs: tuple[TxOut, ...]) -> Transaction:
    """Return an unsigned transaction that spends one coin."""
    spent = TxIn(outpoint=outpoint, script_sig=b"", sequence=0xFFFF_FFFD, witness=())
    return Transaction(version=2, inputs=(spent,), outputs=outputs, locktime=0)


def script_at(branch: int) -> bytes:
    """Return the first script of a branch of the wallet: 0 receives, 1 is for change."""
    derived = Descriptor.from_string(descriptor()).derive(0, branch_index=branch)
    return bytes(derived.script_pubkey().data)


def funding() -> Transaction:
    """Return a transaction that pays the wallet."""
    nowhere = OutPoint(txid=tagged_digest("walkthrough", b"a coin").hex(), vout=0)
    return spending(nowhere, (TxOut(amount_sat=FUNDED_SAT, script=script_at(0)),))


def psbt(address: str, amount: str) -> str:
    """Return the PSBT (BIP-174) of a payment from the wallet, before anybody signed it."""
    pays = parse_btc(amount, "BTC")
    change = TxOut(amount_sat=Sat(FUNDED_SAT - pays - FEE_SAT), script=script_at(1))
    paid = TxOut(amount_sat=pays, script=script_of(address, Network.MAIN, "ADDRESS"))
    unsigned = spending(OutPoint(txid=funding().txid, vout=0), (paid, change))
    made = Psbt.from_tx(Tx.parse(unsigned.serialize()))
    made.inputs[0].non_witness_utxo = Tx.parse(funding().serialize())
    derived = Descriptor.from_string(descriptor()).derive(0, branch_index=0)
    made.inputs[0].witness_script = bytes(derived.witness_script().data)
    return base64.b64encode(made.serialize()).decode()


def main() -> None:
    """Do what the command line says."""
    match sys.argv[1:]:
        case ["descriptor"]:
            said = descriptor()
        case ["sign", holder, path] if holder in HOLDERS:
            said = signed(holder, Path(path))
        case ["funding"]:
            said = funding().serialize().hex()
        case ["anchor"]:
            said = f"{funding().txid}:0"
        case ["psbt", address, amount]:
            said = psbt(address, amount)
        case _:
            sys.exit(__doc__)
    sys.stdout.write(said + "\n")


if __name__ == "__main__":
    main()
