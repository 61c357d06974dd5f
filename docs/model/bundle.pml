/* Which entries must a gate have read before it signs?

A journal of four entries, each of any kind, in any order. Its checkpoints are witnessed: what a
gate is shown of it is true (witness.pml), but the server chooses what the bundle leaves out. A
gate that was restored from a backup begins again at the genesis.

The gate keeps how far it has read. It takes a bundle that begins at the entry after that, leaves
none out, and ends at a checkpoint not older than the limit; nothing else makes it sign.

holds   old_void_counts: Nothing is signed under a pass whose void is older than the limit.
breaks  old_void_counts -DBUNDLE_ENDS_ANYWHERE: the bundle's checkpoint may be of any age
breaks  old_void_counts -DBUNDLE_WITH_HOLES: the bundle may leave out an entry
holds   old_suspension_counts: Nothing is signed on the word of a person whose suspension or removal is older than the limit.
breaks  old_suspension_counts -DBUNDLE_FROM_PASS: the bundle begins at the pass, as section 5 of the protocol can be read
breaks  old_suspension_counts -DBUNDLE_ENDS_ANYWHERE: the bundle's checkpoint may be of any age
holds   old_freeze_counts: Nothing is signed under a freeze that is older than the limit and not lifted.
breaks  old_freeze_counts -DBUNDLE_FROM_PASS: the bundle begins at the pass, as section 5 of the protocol can be read
breaks  old_freeze_counts -DBUNDLE_WITH_HOLES: the bundle may leave out an entry
happens can_sign: A gate can sign for an approved pass.
happens can_sign_after_restore: A gate that was restored and read everything again can sign.
happens can_sign_after_lift: A gate can sign after a freeze that was lifted.
*/

#define ENTRIES 4

#ifdef BUNDLE_FROM_PASS
#define BEGINS (from == read_to + 1 || from == asked_at)
#else
#define BEGINS (from == read_to + 1)
#endif
#ifdef BUNDLE_ENDS_ANYWHERE
#define ENDS true
#else
#define ENDS (to >= old && to >= read_to)
#endif
#ifdef BUNDLE_WITH_HOLES
#define HOLE_MAX ENTRIES
#else
#define HOLE_MAX 0 /* entries count from 1: no entry is left out */
#endif

mtype = { none, pass, void, suspension, freeze, lift }

mtype journal[5]; /* from 1 */
byte length;      /* entries so far */
byte old;         /* the first so many are older than the limit */
byte asked_at;

byte read_to;     /* how far the gate has read */
bool has_pass, has_void, has_suspension, is_frozen; /* what it took from there */
bool was_restored;

bool signs, past_void, past_suspension, past_freeze, was_lifted; /* what the last step was */

inline quiet() {
    signs = false; past_void = false; past_suspension = false; past_freeze = false;
    was_lifted = false
}

/* What the gate does not know: the same fold, over all that is old. */
inline judge_truth() {
    signs = true;
    i = 1;
    do
    :: i <= old ->
        if
        :: journal[i] == void -> past_void = true
        :: journal[i] == suspension -> past_suspension = true
        :: journal[i] == freeze -> past_freeze = true
        :: journal[i] == lift -> was_lifted = was_lifted || past_freeze; past_freeze = false
        :: else
        fi;
        i++
    :: i > old && i <= length ->
        if
        :: journal[i] == lift -> was_lifted = was_lifted || past_freeze; past_freeze = false
        :: else
        fi;
        i++
    :: else -> break
    od
}

inline take_bundle() {
    if
    :: BEGINS && ENDS && from >= 1 && from <= to + 1 && to <= length ->
        i = from;
        do
        :: i <= to ->
            if
            :: i == hole -> skip
            :: i != hole && journal[i] == pass -> has_pass = true
            :: i != hole && journal[i] == void -> has_void = true
            :: i != hole && journal[i] == suspension -> has_suspension = true
            :: i != hole && journal[i] == freeze -> is_frozen = true
            :: i != hole && journal[i] == lift -> is_frozen = false
            :: else
            fi;
            i++
        :: else -> break
        od;
        read_to = (to > read_to -> to : read_to);
        if
        :: has_pass && !has_void && !has_suspension && !is_frozen -> judge_truth()
        :: else
        fi
    :: else
    fi;
    i = 0
}

active proctype world() {
    byte i, from, to, hole;
    mtype kind;
    do
    :: atomic {
        length < ENTRIES -> quiet();
        if
        :: asked_at == 0 -> kind = pass; asked_at = length + 1
        :: kind = void
        :: kind = suspension
        :: kind = freeze
        :: kind = lift
        fi;
        length++; journal[length] = kind; kind = none
       }
    :: d_step { old < length -> old++; quiet() }
    :: d_step {
        !was_restored -> was_restored = true; quiet();
        read_to = 0; has_pass = false; has_void = false; has_suspension = false; is_frozen = false
       }
    :: atomic {
        length > 0 -> quiet();
        select(from : 1 .. ENTRIES); select(to : 1 .. ENTRIES); select(hole : 0 .. HOLE_MAX);
        d_step { take_bundle(); from = 0; to = 0; hole = 0 }
       }
    od
}

ltl old_void_counts { [] !past_void }
ltl old_suspension_counts { [] !past_suspension }
ltl old_freeze_counts { [] !past_freeze }

/* What can happen is claimed never to happen: spin must refute it. */
ltl can_sign { [] !signs }
ltl can_sign_after_restore { [] !(signs && was_restored && old == ENTRIES) }
ltl can_sign_after_lift { [] !(signs && was_lifted) }
