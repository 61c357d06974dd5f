"""What was seen of a signer's return: steps 21 to 25 of docs/gate.md. Nothing here decides."""

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.gate.reading import read_psbt
from sekisho.gate.records import Returned
from sekisho.gate.steps import Evidence, evidence
from sekisho.wallets.descriptors import keys_of
from sekisho.wallets.records import Level, Wallet

_SHORT = 16


def of_unchanged(psbt: bytes) -> list[Evidence]:
    """Tell what was compared with what was cleared."""
    read, _ = read_psbt(psbt, "cleared")
    if read is None:
        raise RuntimeError("what was cleared reads differently now")
    spent, paid = len(read.transaction.inputs), len(read.transaction.outputs)
    return [evidence("unchanged", inputs=spent, outputs=paid)]


def of_signatures(returned: Returned | None, wallet: Wallet) -> list[Evidence]:
    """Tell whose signatures they are; less, where something else says no and none is given on."""
    if returned is None:
        return [evidence("signatures")]
    keys = len(keys_of(wallet.descriptor, network_of_caip2(wallet.chain, "wallet.chain")))
    signed = [
        evidence(
            "signed",
            index=index,
            signed=len(signers),
            keys=keys,
            names=", ".join(f"{each.hex()[:_SHORT]}..." for each in signers),
        )
        for index, signers in enumerate(returned.signers)
    ]
    state = (
        evidence("complete", txid=returned.txid) if returned.complete else evidence("incomplete")
    )
    return [*signed, evidence("signatures"), state]


def of_harmless() -> list[Evidence]:
    """Tell that nobody holds a signature over something else because of it."""
    return [evidence("nothing_else")]


def of_asking_again() -> list[Evidence]:
    """Tell that the gate was asked once more."""
    return [evidence("asked_again")]


def of_own_key() -> list[Evidence]:
    """Tell that the gate signed just now."""
    return [evidence("own_key_signed")]


def why_no_own_key(wallet: Wallet | None, returned: Returned | None) -> Evidence | None:
    """Return why the gate's own key did not sign, if anybody can say."""
    if wallet is None:
        return None
    if wallet.level is not Level.ENFORCED:
        return evidence("own_key_not_needed", wallet_id=wallet.wallet_id)
    if returned is not None and returned.complete:
        return evidence("own_key_there")
    return evidence("own_key_later", wallet_id=wallet.wallet_id)
