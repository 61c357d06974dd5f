/* When does a document come into force: a rotation, its rival, a reinstatement?

The first roster is A, B, C; R replaces A by D, Q replaces C by D. Each names the roster that it
follows, needs two of the old roster and two of the new, and comes into force at the entry of the
journal that completes its quorum. One officer suspends; the reinstatement U needs two others.
The server decides in which order statements are journaled, and when.

holds   one_successor: Of two rotations of one roster, only one ever comes into force.
breaks  one_successor -DNO_PREVIOUS: a rotation need not name the roster that is in force
holds   both_quorums: No roster comes into force without two people of the old one and two of the new.
breaks  both_quorums -DOLD_QUORUM_ALONE: the old quorum is enough
breaks  both_quorums -DNEW_QUORUM_ALONE: the new quorum is enough
breaks  both_quorums -DSUSPENDED_COUNT: who is suspended counts toward a rotation
holds   nobody_reinstates_themselves: A suspension ends only with two people who are not suspended.
breaks  nobody_reinstates_themselves -DOWN_WORD_COUNTS: the suspended person's word counts for their return
holds   force_is_not_taken_back: What came into force at an entry stays so, whatever is journaled later.
breaks  force_is_not_taken_back -DLATE_VOID_COUNTS: a void after the quorum is complete undoes the document
holds   journaled_void_stops: A document that was voided before its quorum was complete never comes into force.
breaks  journaled_void_stops -DQUORUM_BEATS_VOID: a complete quorum outweighs an earlier void
limit   spoken_void_stops: the server withholds a void until the quorum is complete
happens can_rotate: A rotation can come into force.
happens can_rotate_suspended: A rotation can come into force while somebody is suspended.
happens can_reinstate: A reinstatement can come into force.
*/

#define A 0
#define B 1
#define C 2
#define D 3
#define NOBODY 4
#define R 0
#define Q 1
#define FIRST 2 /* the roster before R or Q */

/* Members, as bits of D C B A. */
#define OF_FIRST 7
#define OF_R 14
#define OF_Q 11
#define OF(v) (v == FIRST -> OF_FIRST : (v == R -> OF_R : OF_Q))
#define BIT(p) (p == NOBODY -> 0 : 1 << p)
#define COUNT(set) (((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1) + (((set) >> 3) & 1))
#define TWO(set) (COUNT(set) >= 2)

#define UNSUSPENDED (15 - BIT(suspended))

#ifdef SUSPENDED_COUNT
#define FREE 15
#else
#define FREE UNSUSPENDED
#endif
#ifdef NO_PREVIOUS
#define FOLLOWS (in_force != doc)
#else
#define FOLLOWS (in_force == FIRST)
#endif
#ifdef NEW_QUORUM_ALONE
#define OLD_AGREE true
#else
#define OLD_AGREE TWO(approved[doc] & OF_FIRST & FREE)
#endif
#ifdef OLD_QUORUM_ALONE
#define NEW_AGREE true
#else
#define NEW_AGREE TWO(approved[doc] & OF(doc) & FREE)
#endif
#define BOTH_REALLY_AGREE \
    (TWO(approved[doc] & OF_FIRST & UNSUSPENDED) && TWO(approved[doc] & OF(doc) & UNSUSPENDED))
#ifdef OWN_WORD_COUNTS
#define OTHERS 15
#else
#define OTHERS UNSUSPENDED
#endif
#ifdef LATE_VOID_COUNTS
#define UNDOES true
#else
#define UNDOES false
#endif
#ifdef QUORUM_BEATS_VOID
#define STANDS true
#else
#define STANDS (voided[doc] != JOURNALED)
#endif

mtype = { UNSAID, SPOKEN, JOURNALED }
mtype voided[2] = UNSAID;
byte approved[2];      /* of R and Q: who, as bits, in the journal */
byte wants_return;     /* approvals of U */
byte in_force = FIRST;
byte rotations;
byte suspended = NOBODY;
bool was_suspended;

mtype = { nothing, in_order, without_quorum, despite_journaled, despite_spoken, returned,
          returned_alone }
mtype event = nothing;

/* After each entry: is a quorum complete with it? */
inline fold(document) {
    doc = document;
    if
    :: FOLLOWS && OLD_AGREE && NEW_AGREE && STANDS ->
        if
        :: !BOTH_REALLY_AGREE -> event = without_quorum
        :: else ->
            if
            :: voided[doc] == JOURNALED -> event = despite_journaled
            :: voided[doc] == SPOKEN -> event = despite_spoken
            :: else -> event = in_order
            fi
        fi;
        in_force = doc; rotations++;
        if
        :: suspended != NOBODY && !(OF(doc) & BIT(suspended)) ->
            suspended = NOBODY; wants_return = 0
        :: else
        fi
    :: else
    fi;
    doc = 0
}

active proctype world() {
    byte who, what, doc;
    do
    :: atomic { /* an approval of R or Q is journaled */
        rotations < 2 -> event = nothing;
        select(who : A .. D); select(what : R .. Q);
        d_step {
            if
            :: who != suspended -> approved[what] = approved[what] | BIT(who); fold(what)
            :: else
            fi;
            who = 0; what = 0
        }
       }
    :: atomic { /* somebody voids R or Q */
        event = nothing;
        select(what : R .. Q);
        d_step {
            if
            :: voided[what] == UNSAID && in_force != what -> voided[what] = SPOKEN
            :: else
            fi;
            what = 0
        }
       }
    :: atomic { /* the server journals the void */
        event = nothing;
        select(what : R .. Q);
        d_step {
            if
            :: voided[what] == SPOKEN -> voided[what] = JOURNALED;
                if
                :: UNDOES && in_force == what -> in_force = FIRST
                :: else
                fi
            :: else
            fi;
            what = 0
        }
       }
    :: atomic { /* an officer suspends: what that person approved counts no more */
        !was_suspended -> event = nothing;
        select(who : A .. D);
        d_step {
            if
            :: OF(in_force) & BIT(who) ->
                suspended = who; was_suspended = true;
#ifndef SUSPENDED_COUNT
                approved[R] = approved[R] & (15 - BIT(who));
                approved[Q] = approved[Q] & (15 - BIT(who));
#endif
                skip
            :: else
            fi;
            who = 0
        }
       }
    :: atomic { /* an approval of U is journaled */
        suspended != NOBODY -> event = nothing;
        select(who : A .. D);
        d_step {
            wants_return = wants_return | BIT(who);
            if
            :: TWO(wants_return & OF(in_force) & OTHERS) ->
                if
                :: TWO(wants_return & OF(in_force) & UNSUSPENDED) -> event = returned
                :: else -> event = returned_alone
                fi;
                suspended = NOBODY; wants_return = 0
            :: else
            fi;
            who = 0
        }
       }
    od
}

ltl one_successor { [] (rotations <= 1) }
ltl both_quorums { [] (event != without_quorum) }
ltl nobody_reinstates_themselves { [] (event != returned_alone) }
ltl force_is_not_taken_back { [] (in_force != FIRST -> [] (in_force != FIRST)) }
ltl journaled_void_stops { [] (event != despite_journaled) }
ltl spoken_void_stops { [] (event != despite_spoken) }

/* What can happen is claimed never to happen: spin must refute it. */
ltl can_rotate { [] (event != in_order) }
ltl can_rotate_suspended { [] !(event == in_order && suspended != NOBODY) }
ltl can_reinstate { [] (event != returned) }
