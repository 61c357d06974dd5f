/* Is one order paid once, whatever gates sign and whatever the chain takes back?

One customer's withdrawal. Pass P1 pays it with anchor a. Two gates sign two transactions under P1,
because one was restored from a backup and the other has an old view: neither knows of the other,
nor of the void that was journaled in between. Stuck, the order is asked for again: P2 replaces P1
and so names the same anchor; or a pass that pays ourselves spends a, and once P1 is *dead* (its
anchor spent otherwise, DEPTH blocks deep) P3 pays with anchor b. Whatever was signed can be mined
at any time. A reorganisation takes back up to DEPTH - 1 blocks.

holds   order_is_paid_once: No two transactions that pay the order stand in the chain together.
breaks  order_is_paid_once -DNO_ANCHOR: a transaction under a pass need not spend its anchor
breaks  order_is_paid_once -DFREE_ANCHOR: a replacement may name another anchor at once
breaks  order_is_paid_once -DSHALLOW: a pass is dead as soon as its anchor is spent otherwise in one block
breaks  order_is_paid_once -DVOID_IS_DEATH: a void ends a pass under which something was signed
holds   dead_stays_dead: A pass that was called dead never pays again.
breaks  dead_stays_dead -DSHALLOW: a pass is dead as soon as its anchor is spent otherwise in one block
breaks  dead_stays_dead -DVOID_IS_DEATH: a void ends a pass under which something was signed
limit   void_stops_payment: what a gate signed before it could know of the void pays after it
happens can_pay: The first transaction can pay.
happens can_pay_other_gate: The transaction of the other gate can pay instead.
happens can_pay_again_after_reorg: A transaction can be mined, taken back, and the replacement be mined.
happens can_pay_after_death: A pass with another anchor can pay once the first is dead.
*/

#define DEPTH 3
#define A 0
#define B 1

/* The transactions. */
#define FIRST 0     /* P1, one gate */
#define SECOND 1    /* P1, the other gate */
#define REPLACING 2 /* P2 */
#define OURSELVES 3 /* spends a back to us */
#define AFRESH 4    /* P3 */
#define TRANSACTIONS 5

#ifdef NO_ANCHOR
#define COIN_OF_SECOND B
#else
#define COIN_OF_SECOND A
#endif
#ifdef FREE_ANCHOR
#define COIN_OF_REPLACING B
#else
#define COIN_OF_REPLACING A
#endif
#ifdef SHALLOW
#define DEAD_AT 1
#else
#define DEAD_AT DEPTH
#endif
#ifdef VOID_IS_DEATH
#define VOID_ENDS voided
#else
#define VOID_ENDS false
#endif

#define COIN_OF(t) (t == SECOND -> COIN_OF_SECOND : (t == REPLACING -> COIN_OF_REPLACING : A))
#define COIN(t) (t == AFRESH -> B : COIN_OF(t))
#define PAYS(t) (depth[t] > 0)

bool approved, voided, called_dead, was_taken_back;
bool is_signed[TRANSACTIONS];
byte depth[TRANSACTIONS]; /* 0: not in the chain; DEPTH: final */
bool knows_void[2];       /* of the two gates */
bool mined_after_void;

inline spent(coin) {
    t = 0; taken = false;
    do
    :: t < TRANSACTIONS -> taken = taken || (depth[t] > 0 && COIN(t) == coin); t++
    :: else -> break
    od;
    t = 0
}

inline bury(except) {
    t = 0;
    do
    :: t < TRANSACTIONS ->
        if
        :: t != except && depth[t] > 0 && depth[t] < DEPTH -> depth[t]++
        :: else
        fi;
        t++
    :: else -> break
    od;
    t = 0
}

/* What is final stays; of the rest, the last `blocks` go. */
inline take_back(blocks) {
    t = 0;
    do
    :: t < TRANSACTIONS ->
        if
        :: depth[t] < DEPTH && depth[t] > blocks -> depth[t] = depth[t] - blocks
        :: depth[t] < DEPTH && depth[t] <= blocks && depth[t] > 0 ->
            depth[t] = 0; was_taken_back = true
        :: else
        fi;
        t++
    :: else -> break
    od;
    t = 0
}

active proctype people() {
    do
    :: !approved -> approved = true
    :: approved && !voided -> voided = true
    :: voided && !knows_void[0] -> knows_void[0] = true
    :: voided && !knows_void[1] -> knows_void[1] = true
    :: d_step { (depth[OURSELVES] >= DEAD_AT || VOID_ENDS) && !called_dead -> called_dead = true }
    :: d_step { approved && !is_signed[REPLACING] -> is_signed[REPLACING] = true }
    :: d_step { approved && !is_signed[OURSELVES] -> is_signed[OURSELVES] = true }
    :: d_step { called_dead && !is_signed[AFRESH] -> is_signed[AFRESH] = true }
    od
}

active [2] proctype gate() {
    atomic { approved && !knows_void[_pid - 1] -> is_signed[_pid - 1] = true }
}

active proctype chain() {
    byte t, chosen, back;
    bool taken;
    do
    :: atomic { /* a block, with one of ours or with none */
        select(chosen : 0 .. TRANSACTIONS);
        d_step {
            if
            :: chosen < TRANSACTIONS && is_signed[chosen] && depth[chosen] == 0 ->
                spent(COIN(chosen));
                if
                :: !taken ->
                    depth[chosen] = 1;
                    mined_after_void = mined_after_void || (voided && chosen <= SECOND);
                    bury(chosen)
                :: else
                fi
            :: chosen == TRANSACTIONS -> bury(TRANSACTIONS)
            :: else
            fi;
            chosen = 0; taken = false
        }
       }
    :: atomic {
        select(back : 1 .. DEPTH - 1);
        d_step { take_back(back); back = 0 }
       }
    od
}

#define FROM_P1 (PAYS(FIRST) || PAYS(SECOND))

ltl order_is_paid_once { [] (PAYS(FIRST) + PAYS(SECOND) + PAYS(REPLACING) + PAYS(AFRESH) <= 1) }
ltl dead_stays_dead { [] (called_dead -> [] !FROM_P1) }
ltl void_stops_payment { [] !mined_after_void }

/* What can happen is claimed never to happen: spin must refute it. */
ltl can_pay { [] (depth[FIRST] < DEPTH) }
ltl can_pay_other_gate { [] !(is_signed[FIRST] && depth[SECOND] == DEPTH) }
ltl can_pay_again_after_reorg {
    [] !(was_taken_back && depth[FIRST] == 0 && depth[REPLACING] == DEPTH)
}
ltl can_pay_after_death { [] !(is_signed[FIRST] && depth[AFRESH] == DEPTH) }
