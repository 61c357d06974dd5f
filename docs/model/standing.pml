/* Do the limits of a standing pass hold, when nobody counts alone?

A standing pass lets an issuer's key issue numbered children, each of one unit and bound to an
anchor, at most LIMIT units together. The key is stolen: it signs any child, with any number and
anchor. Children are journaled; of those that stand in the journal, the first with the next number
counts, while the limit is not reached. Children with one anchor are served by one transaction.
Two gates read the journal, each as far as the server lets it; neither knows what the other signed.

holds   limit_holds: Never more than the limit stands in the chain under one standing pass.
breaks  limit_holds -DOFF_THE_RECORD: a gate serves a child that is not in the journal that it read
breaks  limit_holds -DCOUNTS_OWN: a gate counts what it signed itself instead of what is in the journal
breaks  limit_holds -DLARGEST_OF_ANCHOR: of children with one anchor only the largest counts, although one transaction serves them all
breaks  limit_holds -DNUMBER_TWICE: a second child with a number is another child
holds   child_is_paid_once: No child is paid twice.
breaks  child_is_paid_once -DNO_ANCHOR: a child is not bound to an anchor
happens can_pay_all: As much as the limit can be paid.
happens can_batch: One transaction can serve several children.
happens can_disagree: Two gates can sign different transactions with the same anchor.
*/

#define ENTRIES 4
#define LIMIT 2
#define ANCHORS 2

#ifdef OFF_THE_RECORD
#define READ ENTRIES
#define COUNTED(i) ((i < view[gate] && counts[i]) || (i >= view[gate] && own[gate] + size < LIMIT))
#else
#define READ view[gate]
#define COUNTED(i) counts[i]
#endif
#ifdef COUNTS_OWN
#define WITHIN(i) true
#define MAY_SIGN (own[gate] + size <= LIMIT)
#else
#define WITHIN(i) (total < LIMIT)
#define MAY_SIGN true
#endif
#ifdef LARGEST_OF_ANCHOR
#define ADDS (total_of[what] == 0 -> 1 : 0)
#else
#define ADDS 1
#endif
#ifdef NUMBER_TWICE
#define NUMBER_FITS (number <= next)
#define WITHIN_LIMIT (number < next || WITHIN(0))
#define ADDS_TO_TOTAL (number < next -> 0 : ADDS)
#else
#define NUMBER_FITS (number == next)
#define WITHIN_LIMIT WITHIN(0)
#define ADDS_TO_TOTAL ADDS
#endif
#ifdef NO_ANCHOR
#define SERVES(i) true
#else
#define SERVES(i) (anchor[i] == what)
#endif

byte length;
byte anchor[ENTRIES];  /* of the child at each entry */
bool counts[ENTRIES];  /* by the fold of the journal */
byte next = 1;         /* the number that the next child has to have */
byte total;            /* what the journal's children that count come to */
byte total_of[ANCHORS];
byte view[2];
byte own[2];           /* what each gate has signed */

/* A transaction is its anchor and the children that it pays, as bits. 16 sets for each anchor. */
int signed_with_0;
int signed_with_1;
byte chain[ANCHORS];   /* what stands there, 0 for nothing */
bool disagreed;

#define SIZE(set) (((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1) + (((set) >> 3) & 1))
#define BIT(n) (1 << (n))

active proctype world() {
    byte what, number, gate, i, set, size;
    do
    :: atomic { /* the issuer's key signs a child, and the server journals it */
        length < ENTRIES ->
        select(what : 0 .. ANCHORS - 1); select(number : 1 .. 3);
        d_step {
            anchor[length] = what;
            if
            :: NUMBER_FITS && WITHIN_LIMIT ->
                counts[length] = true;
                total = total + ADDS_TO_TOTAL;
                total_of[what]++;
                next = (number == next -> next + 1 : next)
            :: else
            fi;
            length++;
            what = 0; number = 0
        }
       }
    :: d_step { view[0] < length -> view[0]++ }
    :: d_step { view[1] < length -> view[1]++ }
    :: atomic { /* a gate is asked for the transaction of an anchor */
        select(gate : 0 .. 1); select(what : 0 .. ANCHORS - 1);
        d_step {
            do
            :: i < ENTRIES ->
                if
                :: i < length && i < READ && COUNTED(i) && SERVES(i) -> set = set | BIT(i); size++
                :: else
                fi;
                i++
            :: else -> break
            od;
            if
            :: set != 0 && MAY_SIGN ->
                own[gate] = (own[gate] + size > LIMIT -> LIMIT : own[gate] + size);
                if
                :: what == 0 ->
                    disagreed = disagreed || (signed_with_0 != 0 && signed_with_0 != BIT(set));
                    signed_with_0 = signed_with_0 | BIT(set)
                :: else -> signed_with_1 = signed_with_1 | BIT(set)
                fi
            :: else
            fi;
            what = 0; gate = 0; i = 0; set = 0; size = 0
        }
       }
    :: atomic { /* any signed transaction is mined, if its anchor is unspent */
        select(set : 1 .. 15);
        d_step {
            if
            :: chain[0] == 0 && (signed_with_0 & BIT(set)) -> chain[0] = set
            :: chain[1] == 0 && (signed_with_1 & BIT(set)) -> chain[1] = set
            :: else
            fi;
            set = 0
        }
       }
    :: d_step { chain[0] != 0 -> chain[0] = 0 } /* taken back */
    :: d_step { chain[1] != 0 -> chain[1] = 0 }
    od
}

ltl limit_holds { [] (SIZE(chain[0]) + SIZE(chain[1]) <= LIMIT) }
ltl child_is_paid_once { [] ((chain[0] & chain[1]) == 0) }

/* What can happen is claimed never to happen: spin must refute it. */
ltl can_pay_all { [] !(SIZE(chain[0]) == 1 && SIZE(chain[1]) == 1) }
ltl can_batch { [] (SIZE(chain[0]) < LIMIT) }
ltl can_disagree { [] !disagreed }
