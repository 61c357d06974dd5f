/* Can a compromised server keep a void from a gate, or tell two gates two histories?

One pass stands approved in the journal. The next entry is its void (head V) or something else
(head O); head P is the journal before that. P is a prefix of both, V and O are a fork. The server
makes any checkpoint and shows anything that it has to anybody, late, never, or again. Three
witnesses are honest: each keeps its last checkpoint and cosigns, with the time, only what
continues it. A fourth is the server's: it cosigns anything with any time. A gate believes a
checkpoint that K witnesses cosigned within LIMIT, and keeps it.

K needs 2K > witnesses + dishonest ones: two sets of K then share an honest witness.

holds   old_void_is_seen: No gate signs for a pass whose void K witnesses cosigned longer ago than the limit.
breaks  old_void_is_seen -DNEWEST_COSIGNATURE: one fresh cosignature is enough: the dishonest witness's always is
breaks  old_void_is_seen -DTOO_FEW_WITNESSES: K is 2 of 4, so that two sets share no honest witness
breaks  old_void_is_seen -DFORGETFUL_WITNESS: one of the honest cosigns what contradicts its last checkpoint
limit   old_void_is_seen -DCLOCK_SET_BACK: who stops the gate's clock makes an old checkpoint look fresh
holds   old_void_is_seen -DCLOCK_SET_BACK -DLEASE_BY_NONCE: No gate signs for a pass whose void is older than the limit, also with its clock stopped.
holds   no_two_histories: Two gates never believe two checkpoints that contradict each other.
breaks  no_two_histories -DTOO_FEW_WITNESSES: K is 2 of 4
breaks  no_two_histories -DFORGETFUL_WITNESS: one of the honest cosigns what contradicts its last checkpoint
holds   seen_void_stays_seen: A gate that believed a checkpoint with the void never signs for the pass.
breaks  seen_void_stays_seen -DNO_MEMORY: the gate does not keep its last checkpoint
holds   expired_stays_expired -DCLOCK_SET_BACK: A gate that knew the pass to be over never signs for it, also with its clock set back.
breaks  expired_stays_expired -DCLOCK_SET_BACK -DNO_HIGH_WATER_MARK: the gate believes its clock alone
happens can_sign: A gate can sign for an approved pass.
happens can_learn_of_void: A gate can learn of a void from a checkpoint.
happens can_hide_young_void: A void within the limit can still be withheld: the limit is the exposure.
*/

#define HONEST 3
#define GATES 2
#define P 0
#define V 1
#define O 2
#define NEVER 0
#define END 4     /* moments are 1 to END */
#define LIMIT 1
#define EXPIRES 3 /* the last moment at which the pass allows anything */

/* The rules. Each can be taken away. */
#ifdef TOO_FEW_WITNESSES
#define K 2
#else
#define K 3
#endif
#ifdef FORGETFUL_WITNESS
#define CONTINUES(who, head_) (who == 0 || witness[who].head == head_ || witness[who].head == P)
#else
#define CONTINUES(who, head_) (witness[who].head == head_ || witness[who].head == P)
#endif
#ifdef NO_MEMORY
#define CONTINUES_SEEN(gate, head_) true
#else
#define CONTINUES_SEEN(gate, head_) (seen[gate] == P || seen[gate] == head_)
#endif
#ifdef CLOCK_SET_BACK
#define ASKING 1 /* gate 0, whose clock it is, is enough */
#define KEEP_TIME(gate) \
    mark[gate] = time; knew_expired[gate] = knew_expired[gate] || time > EXPIRES;
#else
#define ASKING GATES
#define KEEP_TIME(gate) /* time never runs back: the mark cannot matter */
#endif
#ifdef NO_HIGH_WATER_MARK
#define MARK(gate) 0
#else
#define MARK(gate) mark[gate]
#endif
#if defined(NEWEST_COSIGNATURE)
#define SINCE 1
#elif defined(LEASE_BY_NONCE)
/* Witnesses answer the gate's own nonce, and nobody can set the clock that counts its age. */
#define SINCE (now > LIMIT -> now - LIMIT : 1)
#else
#define SINCE (time > LIMIT -> time - LIMIT : 1)
#endif

typedef Witness { byte head; byte at[3] }
Witness witness[HONEST];

byte now = 1;
byte clock_behind;       /* how much the clock of gate 0 was set back */
byte void_witnessed_at;  /* when the K-th cosignature on V was made */
byte seen[GATES];        /* the last head that the gate believed */
byte mark[GATES];        /* its high-water mark */
bool knew_void[GATES];
bool knew_expired[GATES];


mtype = { nothing, signature, past_young_void, past_old_void, past_known_void, past_known_expiry }
mtype event = nothing; /* what the last step was */

/* The dishonest witness is always the one more. */
inline count(head_, after, total) {
    total = 1;
    i = 0;
    do
    :: i < HONEST ->
        if
        :: witness[i].at[head_] != NEVER && witness[i].at[head_] >= after -> total++
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

inline cosign(who, head_) {
    if
    :: CONTINUES(who, head_) ->
        witness[who].head = head_;
        witness[who].at[head_] = now;
        if
        :: head_ == V && void_witnessed_at == NEVER ->
            count(V, 1, total);
            if :: total >= K -> void_witnessed_at = now :: else fi;
            total = 0
        :: else
        fi
    :: else
    fi
}

inline sign(gate) {
    if
    :: knew_void[gate] -> event = past_known_void
    :: !knew_void[gate] && knew_expired[gate] -> event = past_known_expiry
    :: else ->
        if
        :: void_witnessed_at == NEVER -> event = signature
        :: void_witnessed_at != NEVER && now <= void_witnessed_at + LIMIT ->
            event = past_young_void
        :: else -> event = past_old_void
        fi
    fi
}

inline ask(gate, head_) {
    time = now - (gate == 0 -> clock_behind : 0);
    if
    :: time < MARK(gate) -> skip /* behind the mark: no */
    :: else ->
        KEEP_TIME(gate)
        since = SINCE;
        count(head_, since, total);
        if
        :: total >= K && CONTINUES_SEEN(gate, head_) ->
            seen[gate] = head_;
            if
            :: head_ == V -> knew_void[gate] = true
            :: head_ != V && time <= EXPIRES -> sign(gate)
            :: else
            fi
        :: else
        fi
    fi;
    time = 0; since = 0; total = 0
}

active proctype world() {
    byte i, total, time, since, who, head_;
    do
    :: d_step { now < END -> now++; event = nothing }
#ifdef CLOCK_SET_BACK
    :: d_step { clock_behind < now - 1 -> clock_behind++; event = nothing }
#endif
    :: atomic {
        event = nothing;
        select(who : 0 .. HONEST - 1); select(head_ : P .. O);
        d_step { cosign(who, head_); who = 0; head_ = 0 }
       }
    :: atomic {
        event = nothing;
        select(who : 0 .. ASKING - 1); select(head_ : P .. O);
        d_step { ask(who, head_); who = 0; head_ = 0 }
       }
    od
}

ltl old_void_is_seen { [] (event != past_old_void) }
ltl no_two_histories { [] !((seen[0] == V && seen[1] == O) || (seen[0] == O && seen[1] == V)) }
ltl seen_void_stays_seen { [] (event != past_known_void) }
ltl expired_stays_expired { [] (event != past_known_expiry) }

/* What can happen is claimed never to happen: spin must refute it. */
ltl can_sign { [] (event != signature) }
ltl can_learn_of_void { [] !(knew_void[0] && knew_void[1]) }
ltl can_hide_young_void { [] (event != past_young_void) }
