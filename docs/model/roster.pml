/* Whose approval counts toward a pass, when people are suspended, removed and given new keys?

A, B and C are on the roster, two of them are needed; a rotation replaces A by D. One officer
suspends somebody, a quorum reinstates; a recovery gives B a new key (the quorums of these: see
rotation.pml). Anybody, or a thief with their key, approves the pass at any moment. The server has
the signed statements and journals each when it likes, also again, also never. A gate judges by the
journal (that it may not be old: see witness.pml and bundle.pml).

A *break* is a time during which a key has no power: while its owner is suspended or off the
roster. What was signed before or during a break must never count after it: else whoever held a
suspended person's key for an hour keeps what they signed with it until the person is back. The
journal cannot tell when a withheld statement was signed. Either the statement says it: it names the
last checkpoint that its signer had seen, whose hash nobody knows in advance, and counts only if its
key had power without a break since then. Or who comes back comes with a new key.

holds   quorum_is_whole: Nothing is signed without two different people.
breaks  quorum_is_whole -DSUSPENSION_LOWERS: the quorum shrinks with the people who are left
breaks  quorum_is_whole -DCOUNTS_KEYS: the approvals of a person's old and new key are two
holds   powerless_count_nothing: Nothing is signed on the word of somebody removed or suspended.
breaks  powerless_count_nothing -DREMOVED_COUNT: who was on the roster when they approved still counts
breaks  powerless_count_nothing -DSUSPENDED_COUNT: a suspension stops only later approvals
holds   break_ends_what_was_signed: What was signed before or during a break never counts after it.
breaks  break_ends_what_was_signed -DBREAK_FORGOTTEN: an approval counts again when its signer is back
breaks  break_ends_what_was_signed -DREPLAY_COUNTS: the same statement, journaled again, counts as new
breaks  break_ends_what_was_signed -DBY_JOURNAL_PLACE: an approval counts from where it was journaled, not from when it was signed
holds   break_ends_what_was_signed -DBY_JOURNAL_PLACE -DKEYS_DO_NOT_RETURN: The same holds, without checkpoints in statements, if who comes back comes with a new key.
happens can_sign: A pass can be signed.
happens can_sign_after_rotation: A pass can be signed under the next roster, by a person who was not on the first.
happens can_sign_after_reinstatement: The word of somebody who is back counts, if said again.
*/

#define PEOPLE 4
#define A 0
#define B 1
#define C 2
#define D 3
#define NOBODY 4

#ifdef SUSPENSION_LOWERS
#define NEEDED (suspended == NOBODY -> 2 : 1)
#else
#define NEEDED 2
#endif
#ifdef REMOVED_COUNT
#define IS_MEMBER(p) true
#define ON_REMOVAL(p) skip
#else
#define IS_MEMBER(p) MEMBER(p)
#define ON_REMOVAL(p) break_(p)
#endif
#ifdef SUSPENDED_COUNT
#define IS_FREE(p) true
#define ON_SUSPENSION(p) skip
#else
#define IS_FREE(p) (p != suspended)
#define ON_SUSPENSION(p) break_(p)
#endif
#ifdef COUNTS_KEYS
#define KEEPS_OLD_KEY true
#else
#define KEEPS_OLD_KEY false
#endif
#ifdef BREAK_FORGOTTEN
#define AFTER_BREAK COUNTS_EARLY
#else
#define AFTER_BREAK DEAD
#endif
#ifdef REPLAY_COUNTS
#define REPLAYED COUNTS_EARLY
#else
#define REPLAYED DEAD
#endif
#ifdef BY_JOURNAL_PLACE
#define WITHHELD COUNTS_EARLY
#else
#define WITHHELD DEAD
#endif
#ifdef KEYS_DO_NOT_RETURN
#define ON_RETURN(p) statement[p] = NONE /* what the old key signed is gone with it */
#else
#define ON_RETURN(p) skip
#endif

#define MEMBER(p) (rotated -> p != A : p != D)
#define HAS_POWER(p) (MEMBER(p) && p != suspended)
#define HAS_KEY(p) (p != D || rotated) /* who is new comes with a new key */

#define IS_TAKEN(p) (statement[p] == COUNTS || statement[p] == COUNTS_EARLY)

/* Of each person, the statement that serves the server best. EARLY: signed before a break. */
mtype = { NONE, SAID, SAID_EARLY, COUNTS, COUNTS_EARLY, DEAD }
mtype statement[PEOPLE] = NONE;

bool rotated, recovered;
byte suspended = NOBODY;
byte suspensions;
bool old_key_counts; /* an approval by the key that B lost */

mtype = { nothing, signs, signs_short, signs_powerless, signs_early }
mtype event = nothing;

inline break_(p) {
    if
    :: statement[p] == SAID -> statement[p] = SAID_EARLY
    :: statement[p] == COUNTS || statement[p] == COUNTS_EARLY -> statement[p] = AFTER_BREAK
    :: else
    fi
}

inline judge() {
    all = old_key_counts; people = 0; with_power = 0; unbroken = 0;
    p = 0;
    do
    :: p < PEOPLE ->
        if
        :: IS_TAKEN(p) && IS_MEMBER(p) && IS_FREE(p) ->
            all++; people++;
            if
            :: HAS_POWER(p) && statement[p] == COUNTS -> with_power++; unbroken++
            :: HAS_POWER(p) && statement[p] != COUNTS -> with_power++
            :: else
            fi
        :: else
        fi;
        p++
    :: else -> break
    od;
    p = 0;
    if
    :: all < NEEDED -> skip /* the gate says no */
    :: all >= NEEDED && people < 2 -> event = signs_short
    :: all >= NEEDED && people >= 2 && with_power < 2 -> event = signs_powerless
    :: all >= NEEDED && people >= 2 && with_power >= 2 && unbroken < 2 -> event = signs_early
    :: else -> event = signs
    fi;
    all = 0; people = 0; with_power = 0; unbroken = 0
}

active proctype world() {
    byte who, p, all, people, with_power, unbroken;
    do
    :: atomic { /* somebody signs an approval */
        event = nothing;
        select(who : 0 .. PEOPLE - 1);
        d_step {
            if
            :: statement[who] != SAID && statement[who] != COUNTS && HAS_POWER(who) ->
                statement[who] = SAID
            :: statement[who] == NONE && !HAS_POWER(who) && HAS_KEY(who) ->
                statement[who] = SAID_EARLY
            :: else
            fi;
            who = 0
        }
       }
    :: atomic { /* the server journals a statement, or one again */
        event = nothing;
        select(who : 0 .. PEOPLE - 1);
        d_step {
            if
            :: statement[who] == SAID -> statement[who] = COUNTS
            :: statement[who] == SAID_EARLY && HAS_POWER(who) -> statement[who] = WITHHELD
            :: statement[who] == SAID_EARLY && !HAS_POWER(who) -> statement[who] = DEAD
            :: statement[who] == DEAD && HAS_POWER(who) -> statement[who] = REPLAYED
            :: else
            fi;
            who = 0
        }
       }
    :: atomic { /* an officer suspends somebody; at most twice, then others are needed */
        suspended == NOBODY && suspensions < 2 -> event = nothing;
        select(who : 0 .. PEOPLE - 1);
        d_step {
            if
            :: HAS_POWER(who) -> suspended = who; suspensions++; ON_SUSPENSION(who)
            :: else
            fi;
            who = 0
        }
       }
    :: d_step { /* a quorum reinstates */
        suspended != NOBODY -> event = nothing;
        ON_RETURN(suspended);
        suspended = NOBODY
       }
    :: d_step { !rotated -> event = nothing; rotated = true; ON_REMOVAL(A) }
    :: d_step {
        !recovered -> event = nothing;
        recovered = true;
        old_key_counts = KEEPS_OLD_KEY && (statement[B] == COUNTS);
        statement[B] = NONE /* its new key has said nothing, and the old one no longer counts */
       }
    :: d_step { event = nothing; judge() }
    od
}

ltl quorum_is_whole { [] (event != signs_short) }
ltl powerless_count_nothing { [] (event != signs_powerless) }
ltl break_ends_what_was_signed { [] (event != signs_early) }

/* What can happen is claimed never to happen: spin must refute it. */
ltl can_sign { [] (event != signs) }
ltl can_sign_after_rotation {
    [] !(event == signs && statement[D] == COUNTS && statement[C] != COUNTS)
}
ltl can_sign_after_reinstatement {
    [] !(event == signs && suspensions == 2 && suspended == NOBODY && !rotated && !recovered)
}
