/* Freeze, lift, and a gate that was restored from a backup.

One person freezes, a quorum lifts. Orders are numbered; a lift names the order before it. The
server carries them, and can withhold any, or deliver any again. It can also have the gate restored
from a backup, in which neither the orders nor the question of the last restore are remembered.

holds   freeze_holds: A gate that received a freeze signs nothing until a quorum lifted that freeze.
breaks  freeze_holds -DLIFT_UNCHAINED: a lift need not name the order before it, so that an old one is replayed
breaks  freeze_holds -DGO_WITHOUT_ORDERS: the quorum's go after a restore does not say which order is the last
breaks  freeze_holds -DGO_OVERRIDES: the go sets the orders back to what the quorum knew, though the gate has a newer freeze
holds   freeze_is_taken_at_once: A freeze newer than all that the gate has taken closes it, whatever was withheld before.
breaks  freeze_is_taken_at_once -DFREEZE_MUST_FOLLOW: a freeze too must name the order that the gate took last
holds   restored_gate_waits: A restored gate signs nothing until a quorum said go to this very restore.
breaks  restored_gate_waits -DNO_LOCK: a restored gate is open
breaks  restored_gate_waits -DGO_WITHOUT_NONCE: a go answers no question of the gate, so that an old one is replayed
happens can_sign: A gate can sign.
happens can_sign_after_lift: A gate can sign after a freeze and its lift.
happens can_sign_after_restore: A gate can sign after two restores, each with its go.
*/

#define ORDERS 4
#define RESTORES 2

#ifdef LIFT_UNCHAINED
#define LIFT_FITS true
#else
#define LIFT_FITS (number == last + 1)
#endif
#ifdef FREEZE_MUST_FOLLOW
#define FREEZE_FITS (number == last + 1)
#else
#define FREEZE_FITS (number > last) /* saying no needs no chain */
#endif
#ifdef NO_LOCK
#define LOCKS false
#else
#define LOCKS true
#endif
#ifdef GO_WITHOUT_NONCE
#define GO_FITS true
#else
#define GO_FITS (restore == restores)
#endif
#ifdef GO_WITHOUT_ORDERS
#define KNOWS_MORE false
#elif defined(GO_OVERRIDES)
#define KNOWS_MORE true
#else
#define KNOWS_MORE (go_last[restore] > last)
#endif

bool is_freeze[5];       /* orders as they were given, from 1; else a lift */
byte given;
byte last;               /* the gate's memory */
bool frozen, locked;
byte backup_last;
bool backup_frozen;
byte restores;
bool go_said[3];         /* per restore, and what the quorum knew of the orders */
byte go_last[3];
bool go_frozen[3];

byte frozen_by;          /* truth: the newest freeze that this gate received and nobody lifted */
mtype = { nothing, signs, signs_frozen, signs_waiting, ignores_freeze }
mtype event = nothing;

active proctype world() {
    byte number, restore;
    do
    :: d_step { given < ORDERS -> event = nothing; given++; is_freeze[given] = true }
    :: d_step {
        given < ORDERS && given > 0 && is_freeze[given] -> event = nothing; given++
        /* a quorum lifts what is frozen */
       }
    :: atomic { /* the server delivers an order, perhaps again */
        given > 0 -> event = nothing;
        select(number : 1 .. ORDERS);
        d_step {
            if
            :: number <= given && is_freeze[number] ->
                if
                :: FREEZE_FITS -> last = number; frozen = true
                :: else
                fi;
                if
                :: number > last -> event = ignores_freeze
                :: else
                fi;
                if
                :: number == last -> frozen_by = (number > frozen_by -> number : frozen_by)
                :: else
                fi
            :: number <= given && !is_freeze[number] && LIFT_FITS ->
                last = number; frozen = false;
                if
                :: number > frozen_by -> frozen_by = 0
                :: else
                fi
            :: else
            fi;
            number = 0
        }
       }
    :: d_step { event = nothing; backup_last = last; backup_frozen = frozen }
    :: d_step {
        restores < RESTORES -> event = nothing;
        restores++;
        last = backup_last; frozen = backup_frozen; locked = LOCKS
       }
    :: d_step { /* a quorum looks at the orders and says go to the gate's present question */
        restores > 0 && !go_said[restores] -> event = nothing;
        go_said[restores] = true;
        go_last[restores] = given;
        go_frozen[restores] = given > 0 && is_freeze[given]
       }
    :: atomic { /* the server delivers a go */
        locked -> event = nothing;
        select(restore : 1 .. RESTORES);
        d_step {
            if
            :: go_said[restore] && GO_FITS ->
                locked = false;
                if
                :: KNOWS_MORE -> last = go_last[restore]; frozen = go_frozen[restore]
                :: else
                fi;
                if
                :: go_last[restore] >= frozen_by && !go_frozen[restore] -> frozen_by = 0
                :: else
                fi
            :: else
            fi;
            restore = 0
        }
       }
    :: d_step {
        !locked && !frozen ->
        if
        :: restores > 0 && !go_said[restores] -> event = signs_waiting
        :: !(restores > 0 && !go_said[restores]) && frozen_by > 0 -> event = signs_frozen
        :: else -> event = signs
        fi
       }
    od
}

ltl freeze_holds { [] (event != signs_frozen) }
ltl freeze_is_taken_at_once { [] (event != ignores_freeze) }
ltl restored_gate_waits { [] (event != signs_waiting) }

/* What can happen is claimed never to happen: spin must refute it. */
ltl can_sign { [] (event != signs) }
ltl can_sign_after_lift { [] !(event == signs && last == 2) }
ltl can_sign_after_restore { [] !(event == signs && restores == RESTORES) }
