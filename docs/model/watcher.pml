/* Does every theft alarm, and is an honest payment left alone?

A pass is approved and the gate clears its transaction: both stand in the witnessed journal before
the signature leaves the gate. HONEST is that transaction. THEFT is a hostile signature: it
pays a thief, and perhaps spends the pass's anchor too; or the signer altered what the gate cleared.
LATE is the pass's own transaction, signed by stolen keys once the pass has expired. People may
void the pass. The server decides when the watcher sees how much of the journal.

The watcher's view has an age. Each transaction that spends our coins is judged by that view:
matched, an alarm (people, and destructive action as the plan says), or undetermined (people only),
and then judged again with each new view.

holds   theft_alarms: A hostile signature that is seen always ends in an alarm, if the view is refreshed again and again.
breaks  theft_alarms -DJUDGED_ONCE: what is undetermined is not judged again
breaks  theft_alarms -DSTALE_IS_FINE: a stale view takes the benefit of the doubt
breaks  theft_alarms -DANCHOR_IS_ENOUGH: whatever spends the anchor of an allowed pass is taken for it
holds   stale_view_destroys_nothing: Nothing destructive is done on a view older than the limit.
breaks  stale_view_destroys_nothing -DACTS_WHEN_STALE: the responder acts on an alarm without a fresh view of its own
holds   honest_payment_is_left_alone: A payment that the gate cleared in time is never an alarm, unless the pass was voided.
breaks  honest_payment_is_left_alone -DVIEW_BEFORE_SIGHT: a view within the limit is enough, though it is older than the sight of the transaction
breaks  honest_payment_is_left_alone -DEXPIRY_BY_SIGHT: expiry is judged by when the watcher saw the transaction
breaks  honest_payment_is_left_alone -DCLEARED_AFTERWARDS: the clearance is journaled only after the signature left
holds   late_signature_is_not_matched: What was signed after expiry is never matched.
breaks  late_signature_is_not_matched -DUNSIGNED_CLEARANCE: the server can journal a clearance that no gate signed
holds   known_void_is_not_matched: Nothing is matched to a pass whose void is in the watcher's view.
breaks  known_void_is_not_matched -DVOID_IGNORED: a void after the clearance changes nothing
happens can_match: An honest payment can be matched.
happens can_match_after_expiry: A payment that is mined after expiry can be matched.
happens can_alarm: A theft can alarm.
happens can_act: Destructive action can be taken.
happens can_see_void_too_late: A payment can be matched just before its void is seen.
*/

#define HONEST 0
#define THEFT 1
#define LATE 2
#define FRESH 0    /* the whole journal of this moment */
#define WITHIN 1   /* older, and within the limit */
#define STALE 2

#define TOO_OLD (age == STALE)

#ifdef ACTS_WHEN_STALE
#define MAY_ACT true
#else
#define MAY_ACT (age != STALE)
#endif
#ifdef STALE_IS_FINE
#define IN_DOUBT matched
#else
#define IN_DOUBT undetermined
#endif
#ifdef JUDGED_ONCE
#define JUDGED_AGAIN(t) false
#else
#define JUDGED_AGAIN(t) (verdict[t] == seen || verdict[t] == undetermined)
#endif
#ifdef VIEW_BEFORE_SIGHT
#define VIEW_IS_LATER(t) true
#else
#define VIEW_IS_LATER(t) viewed_since[t]
#endif
#ifdef ANCHOR_IS_ENOUGH
#define IS_ALLOWED(t) true
#else
#define IS_ALLOWED(t) (t != THEFT)
#endif
#ifdef EXPIRY_BY_SIGHT
#define IN_TIME(t) seen_in_time[t]
#else
#define IN_TIME(t) (seen_in_time[t] || (t == HONEST && view_cleared) || (t == LATE && view_forged))
#endif
#ifdef VOID_IGNORED
#define STANDS true
#else
#define STANDS (!view_voided)
#endif
#ifdef CLEARED_AFTERWARDS
#define RECORDS_FIRST false
#else
#define RECORDS_FIRST true
#endif
#ifdef UNSIGNED_CLEARANCE
#define CAN_FORGE true
#else
#define CAN_FORGE false
#endif
#define MATCHES(t) (view_approved && STANDS && IS_ALLOWED(t) && IN_TIME(t))

bool signed_in_time, expired;
bool approved, cleared, forged, voided;                      /* in the journal */
bool view_approved, view_cleared, view_forged, view_voided;  /* in the watcher's view of it */
byte age;
bool flip; /* with each new view */

mtype = { unsent, seen, undetermined, matched, alarm }
mtype verdict[3] = unsent;
bool seen_in_time[3], viewed_since[3], acted[3];

mtype = { nothing, destroys, destroys_stale, matches_void, matches_before_void }
mtype event = nothing;

inline sight(t) {
    verdict[t] = seen;
    seen_in_time[t] = !expired
}

inline judge(t) {
    if
    :: TOO_OLD -> verdict[t] = IN_DOUBT
    :: !TOO_OLD && MATCHES(t) ->
        verdict[t] = matched;
        if
        :: view_voided -> event = matches_void
        :: !view_voided && voided -> event = matches_before_void
        :: else
        fi
    :: !TOO_OLD && !MATCHES(t) && VIEW_IS_LATER(t) ->
        verdict[t] = alarm
    :: else -> verdict[t] = undetermined /* the pass may stand in what was not read yet */
    fi
}

inline refresh() {
    view_approved = approved; view_cleared = cleared; view_forged = forged; view_voided = voided;
    age = FRESH; flip = !flip;
    t = HONEST;
    do
    :: t <= LATE ->
        viewed_since[t] = verdict[t] != unsent;
        if
        :: JUDGED_AGAIN(t) -> judge(t)
        :: else
        fi;
        t++
    :: else -> break
    od;
    t = 0
}

active proctype world() {
    do
    :: d_step { !approved -> event = nothing; approved = true }
    :: d_step { approved && !voided -> event = nothing; voided = true }
    :: d_step { !expired -> event = nothing; expired = true }
    :: d_step { /* the gate signs; what it knows of the journal: see witness.pml */
        approved && !voided && !expired && !signed_in_time -> event = nothing;
        signed_in_time = true; cleared = RECORDS_FIRST
       }
    :: d_step { signed_in_time && !cleared -> event = nothing; cleared = true }
    :: d_step { CAN_FORGE && !forged -> event = nothing; forged = true }
    :: d_step { signed_in_time && verdict[HONEST] == unsent -> event = nothing; sight(HONEST) }
    :: d_step { verdict[THEFT] == unsent -> event = nothing; sight(THEFT) }
    :: d_step { approved && expired && verdict[LATE] == unsent -> event = nothing; sight(LATE) }
    :: d_step { age < STALE -> event = nothing; age++ }
    od
}

active proctype watcher() {
    byte t;
    do
    :: d_step { verdict[HONEST] == seen -> event = nothing; judge(HONEST) }
    :: d_step { verdict[THEFT] == seen -> event = nothing; judge(THEFT) }
    :: d_step { verdict[LATE] == seen -> event = nothing; judge(LATE) }
    :: d_step { event = nothing; refresh() } /* when the server lets it */
    od
}

active proctype responder() {
    byte t;
    do
    :: atomic {
        MAY_ACT -> select(t : HONEST .. LATE);
        d_step {
            event = nothing;
            if
            :: verdict[t] == alarm && !acted[t] ->
                acted[t] = true;
                event = (age == STALE -> destroys_stale : destroys)
            :: else
            fi;
            t = 0
        }
       }
    od
}

ltl theft_alarms {
    ([]<> flip && []<> !flip) -> [] (verdict[THEFT] != unsent -> <> (verdict[THEFT] == alarm))
}
ltl stale_view_destroys_nothing { [] (event != destroys_stale) }
ltl honest_payment_is_left_alone { [] (verdict[HONEST] == alarm -> voided) }
ltl late_signature_is_not_matched { [] (verdict[LATE] != matched) }
ltl known_void_is_not_matched { [] (event != matches_void) }

/* What can happen is claimed never to happen: spin must refute it. */
ltl can_match { [] (verdict[HONEST] != matched) }
ltl can_match_after_expiry { [] !(verdict[HONEST] == matched && !seen_in_time[HONEST]) }
ltl can_alarm { [] (verdict[THEFT] != alarm) }
ltl can_act { [] (event != destroys) }
ltl can_see_void_too_late { [] (event != matches_before_void) }
