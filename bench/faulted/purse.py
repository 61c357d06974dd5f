"""What moves in a round: the coins there are, thefts with a rival each, payments under passes.

Everything is made before it is sent, so that a step of a round is one call to a node. Of each
theft there is a second one that spends the same coins, to displace it with.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from node_world import WatchedExchange
from signer_world import COLD, FEERATE_SAT_PER_VB, MINER, PAYEE

COINS_LEAST = 14
COINS_MADE = 25
"""Of one transaction; the wallet is watched fifty addresses ahead."""
COIN_BTC = Decimal(2)
HONEST_LEAST = 2
PAID_BTC = "0.7"
BUMPED_SAT_PER_VB = 15
TRIES = 5


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A transaction that is signed, and another that spends the same coins and pays more fee."""

    coin: str
    txid: str
    raw: str
    rival_txid: str
    rival_raw: str


class Purse:
    """The exchange's coins, and what is known of every transaction that was made of them."""

    def __init__(self, exchange: WatchedExchange) -> None:
        self.exchange = exchange
        self.honest: list[Signed] = []
        """Cleared by the gate and not sent yet."""
        self.sent_honest: list[Signed] = []
        self.thefts: list[Signed] = []
        self.cleared: set[str] = set()
        """The txids that the gate let through; whatever else spends our coins is a theft."""
        self.known: dict[str, str] = {}
        """Every transaction that was made, by txid."""
        self._kept: set[str] = set()
        self._alarms = 0
        self._addresses: list[str] = []
        """Paid in turn: a gate knows the first of a wallet's addresses, up to its gap limit."""
        self._turn = 0

    def coins(self, *, least_confirmations: int = 1) -> list[str]:
        """Return the coins that nothing spends and no pass is for, in an order of their own."""
        listed: Any = self.exchange.node.rpc("listunspent", least_confirmations, wallet=COLD)
        named = (f"{each['txid']}:{each['vout']}" for each in listed if each["amount"] >= 1)
        return sorted(each for each in named if each not in self._kept)

    def replenish(self) -> None:
        """Have coins and payments enough for some rounds; sends and mines where it must."""
        if len(self.coins()) < COINS_LEAST:
            for _ in range(2):
                raw = self.paid_in(COINS_MADE)
                self.exchange.node.rpc("sendrawtransaction", raw)
                self.exchange.mine()
                self._observe(raw)
        if len(self.honest) < HONEST_LEAST:
            alarms = len(self.exchange.entries_of("incident.opened"))
            if alarms > self._alarms:
                self._alarms = alarms
                self.exchange.lift()
            while len(self.honest) < 2 * HONEST_LEAST:
                self.honest.append(self._payment())

    def paid_in(self, coins: int = 1) -> str:
        """Return the hex of a deposit, not sent."""
        while len(self._addresses) < COINS_MADE:
            self._addresses.append(self.exchange.node.rpc("getnewaddress", wallet=COLD))
        self._turn += coins
        cold = [self._addresses[(self._turn + each) % COINS_MADE] for each in range(coins)]
        options = {"fee_rate": FEERATE_SAT_PER_VB, "add_to_wallet": False}
        outputs = [{address: COIN_BTC} for address in cold]
        sent = self.exchange.node.rpc("send", outputs, options=options, wallet=MINER)
        return self._noted(str(sent["hex"]))[1]

    def theft(self, coin: str) -> Signed:
        """Return a theft of a coin, not sent."""
        return self._signed(coin, "1", "1.2", send=self.exchange.with_keys)

    def outputs_of(self, raw: str) -> list[str]:
        """Return the coins of ours that a transaction makes, TXID:VOUT, each of a coin's size."""
        said: Any = self.exchange.node.rpc("decoderawtransaction", raw)
        return [
            f"{said['txid']}:{each['n']}" for each in said["vout"] if each["value"] == COIN_BTC
        ]

    def _payment(self) -> Signed:
        """Return a payment under a pass that allows a fee bump, and the bump; both are cleared."""
        coin = self.coins()[0]
        self._kept.add(coin)
        asked = self.exchange.pass_for(coin, {PAYEE: PAID_BTC}, "--fee-bump")

        def through_the_gate(psbt: str) -> str:
            path = self.exchange.root / f"{asked['pass_id']}-{len(self.known)}.psbt"
            path.write_text(psbt, encoding="ascii")
            gate = str(self.exchange.root.parent / "gate")
            check = ("gate", "check", "--gate", gate, "--pass", asked["pass_id"])
            for _ in range(TRIES):
                code, said = self.exchange(*check, "--psbt", str(path))
                if not code:
                    return self.exchange.with_keys(psbt)
                # The watcher wrote something between the checkpoint and the lease.
                self.exchange.let_the_gate_go_on()
            raise RuntimeError(f"the gate refused what is honest: {said['findings']}")

        made = self._signed(coin, PAID_BTC, PAID_BTC, send=through_the_gate)
        self.cleared |= {made.txid, made.rival_txid}
        return made

    def _signed(self, coin: str, btc: str, rival_btc: str, *, send: Any) -> Signed:  # noqa: ANN401 - a function
        first, second = (
            self._noted(send(self.exchange.built(coin, btc=amount, feerate=feerate)))
            for amount, feerate in ((btc, FEERATE_SAT_PER_VB), (rival_btc, BUMPED_SAT_PER_VB))
        )
        self._kept.add(coin)
        return Signed(
            coin=coin, txid=first[0], raw=first[1], rival_txid=second[0], rival_raw=second[1]
        )

    def _noted(self, raw: str) -> tuple[str, str]:
        said: Any = self.exchange.node.rpc("decoderawtransaction", raw)
        self.known[said["txid"]] = raw
        return said["txid"], raw

    def _observe(self, raw: str) -> None:
        path = self.exchange.root / "deposit.hex"
        path.write_text(raw, encoding="ascii")
        code, said = self.exchange("wallets", "observe", str(path))
        if code:
            raise RuntimeError(f"a deposit is not observed: {said}")
