/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain rule (DESIGN.md section 2) as a model that spin checks.
 *
 * An immutable list of N actions is answered on one append-only log of events by D deciders, each with a durable store
 * that commits whole or not at all. F faults are spread over the run in every way: a decider crashes, it stops waiting for
 * a delivery report or never gets it, a record is refused for certain. What a dead producer left on the way lands late,
 * half or never.
 *
 * The deciders are worse than ours: an event is no function of the log here, each attempt picks one of V contents.
 * V = 1 are ours, who write the same bytes for the same action.
 *
 * Properties
 *   P1  at most one valid event per action, in order
 *   P2  in every final state each action has one
 *   P3  a committed state is the fold of a prefix of the log
 *   P4  what was acknowledged is valid and stays so
 *   P5  a valid event was decided on exactly the state that it extends
 *
 * -DN -DD -DB -DF -DV -DLENGTH   bounds; LENGTH is claimed, not cut off: a log that outgrows it is an error
 * -DDEATH                        a fault may also be a decider that never comes back, unless it is the last
 * -DUNORDERED                    no order within a batch
 * -DDUPLICATES                   a fault may also double a record on its way
 * -DROGUE                        a fault may also be a faulty decider's event: it extends the head and answers another
 *                                action than the next
 * -DTRUNCATION                   a fault may also be a log that loses its last record
 * -DMUT_...                      takes one condition of the rule away
 * -DONLY=k                       asserts property k alone, to see that one fail by itself
 * -DWITNESS=w                    claims that w never happens: spin must refute it, or the model is vacuous
 *
 * What is left out, and why that is enough: README.md. How it is run: `run`.
 */
#ifndef N
#define N 3 /* actions */
#endif
#ifndef D
#define D 2 /* deciders */
#endif
#ifndef B
#define B 2 /* records per batch: 1 or 2 */
#endif
#ifndef F
#define F 1 /* faults */
#endif
#ifndef V
#define V 2 /* contents that an attempt may pick from: 1, 2 or 3 */
#endif
#ifndef LENGTH
#define LENGTH 12 /* records that the log can never exceed */
#endif
#ifndef ONLY
#define ONLY 0
#endif
#ifndef WITNESS
#define WITNESS 0
#endif

#if N < 1 || N > 4 || V < 1 || V > 3 || B < 1 || B > 2
#error "outside the bounds for which a byte holds every content"
#endif

#define CHECKED(property) (ONLY == 0 || ONLY == property)

/* What has to be possible; `run` asks for each. */
#define ALL_ANSWERED_AFTER_FAULTS 1 /* witness: a final state, every fault used up, void records in the log */
#define FULL_BATCH_COMMITTED 2      /* witness: two records at once */
#define CONFLICT_SEEN 3             /* witness: all records are reported, yet not where they had to be */
#define SPLIT_BATCH_VALID 4         /* witness: somebody came between two records, and both are valid all the same */
#define LEFTOVER_VALID 5            /* witness: a dead producer's record lands late and extends the head */
#define LEFTOVER_VOID 6             /* witness: ... and is void */
#define LEFTOVER_HALF 7             /* witness: ... the first of two lands, the second never does */
#define SAME_BYTES_TWICE 8          /* witness: what two attempts wrote alike stands there twice, valid once */
#define REFUSED_WITHIN_BATCH 9      /* witness: the first record is refused and the second lands */
#define CRASH_BEFORE_COMMIT 10      /* witness: all landed where it had to, and the decider dies before it commits */
#define DECIDED_BEHIND_LANDED 11    /* witness: the second record of a batch is decided when the first has landed */
#define REACHED(witness, condition)                                                                                    \
    witness_never_seen = !(WITNESS == witness && (condition));                                                         \
    assert(witness_never_seen)

/* ------------------------------------------------------------------------- the rule; MUT_... is the rule without it */

#ifdef MUT_PREVIOUS_UNCHECKED
#define EXTENDS(view, event) true
#else
#define EXTENDS(view, event) (event.previous == view.head) /* "iff ce_previous is the hash of the head" */
#endif

#ifdef MUT_SEQUENCE_UNCHECKED
#define IN_SEQUENCE(view, event) true
#else
#define IN_SEQUENCE(view, event) (event.action == view.action) /* "ce_sequence and ce_action one above the head's" */
#endif

/* Anything else is void. */
#define VALID(view, event) (EXTENDS(view, event) && IN_SEQUENCE(view, event))

/*
 * What SHA-256 does here: the same content has the same hash, another content another one. Contents form a tree: 0 is
 * the 64 zeros before the first event, and the children of h are the V records that can extend it.
 */
#define EXTENDED(h, variant) (V * (h) + 1 + (variant))
#define PARENT(h) (((h) - 1) / V)

#ifdef MUT_SHAREABLE_ID
#define HASH(event) (event.action + 1) /* an id derived from the action: two different records share it */
#else
#define HASH(event) EXTENDED(event.previous, event.variant) /* covers all that the record says */
#endif

#define PENDING 255
#define REFUSED 254

#ifdef MUT_REFUSED_COMMITTED
#define LANDED(i) (sent.report[i] != REFUSED)
#define OFFSET(i) (LANDED(i) -> sent.report[i] : store.next + i)
#define ALL_SUCCEEDED true
#else
#define LANDED(i) (sent.report[i] < REFUSED)
#define OFFSET(i) (sent.report[i])
#define ALL_SUCCEEDED (LANDED(0) && (sent.size < 2 || LANDED(1)))
#endif

#ifdef MUT_FIRST_OFFSET_UNCHECKED
#define STARTS_AT_NEXT true
#else
#define STARTS_AT_NEXT (OFFSET(0) == store.next)
#endif

#ifdef MUT_GAP_UNCHECKED
#define CONSECUTIVE true
#else
#define CONSECUTIVE (sent.size < 2 || OFFSET(1) == OFFSET(0) + 1)
#endif

/* "It commits iff every record i succeeded with offset next + i." */
#define MAY_COMMIT (ALL_SUCCEEDED && STARTS_AT_NEXT && CONSECUTIVE)

/* ------------------------------------------------------------------------------------------------------- the state */

typedef Record {
    byte previous;   /* ce_previous */
    byte action;     /* ce_action, and with it ce_sequence */
    byte variant;    /* the decision: key, headers, value */
    byte decided_on; /* the state that this was decided on; no reader sees it, P5 does */
};

/* The registry: "state, head, decided action offset, next offset: one transaction". */
typedef Store {
    byte state;  /* the path of all decisions folded so far, hence different for different pasts */
    byte head;   /* hash of the last valid event */
    byte action; /* offset of the next action to decide */
    byte next;   /* offset of the next record to read */
};

/* What a decider has handed to its producer and waits for. */
typedef Batch {
    Record record[2];
    byte report[2]; /* the delivery report: the offset, PENDING or REFUSED */
    byte size;
};

/* What a producer left on its way when it died; nobody gets a report. */
typedef Leftover {
    Record record[2];
    byte size;
};

Record log[LENGTH];
byte end = 0; /* high watermark */

Leftover leftover[F + 1]; /* one per fault; one is spare, for F = 0 */
byte faults = F;
#ifdef DEATH
byte alive = D;
#endif

Store truth;           /* the fold of the whole log, by an outsider who reads each record as it lands */
byte acknowledged = 0; /* the furthest state that a decider has committed: every caller up to it has had his answer */

/*
 * Contents that nobody has tried yet are alike: swapping two of them changes no behaviour. So an attempt picks one that
 * was tried on this state before, or the first that was not. STATES: those on which an action is left to decide.
 */
#if N == 1
#define STATES 1
#elif N == 2
#define STATES (1 + V)
#elif N == 3
#define STATES (1 + V + V * V)
#else
#define STATES (1 + V + V * V + V * V * V)
#endif
byte tried[STATES];
#define DISTINCT(v) (v == 0 || txn.state >= STATES || v <= tried[txn.state])

/* Scratch: written before it is read within one step, hence no part of the state. */
hidden Store fold;
hidden byte k;
hidden byte up;
hidden byte valid;
hidden byte P1_one_event_per_action_in_order;
hidden byte P2_every_action_answered;
hidden byte P3_committed_is_a_fold;
hidden byte P4_acknowledged_stays_valid;
hidden byte P5_decided_on_what_it_extends;
hidden byte log_stays_within_LENGTH;
hidden byte witness_never_seen;

inline copy_record(to, from)
{
    to.previous = from.previous;
    to.action = from.action;
    to.variant = from.variant;
    to.decided_on = from.decided_on
}

inline clear_record(slot)
{
    slot.previous = 0;
    slot.action = 0;
    slot.variant = 0;
    slot.decided_on = 0
}

inline copy_store(to, from)
{
    to.state = from.state;
    to.head = from.head;
    to.action = from.action;
    to.next = from.next
}

/* fold(view, record): pure, and one for deciders, readers and the outsider. */
inline apply(view, event)
{
    view.state = EXTENDED(view.state, event.variant);
    view.head = HASH(event);
    view.action = event.action + 1
}

inline fold_log(view, until)
{
    do
    :: view.next < until && view.next < end ->
        if
        :: VALID(view, log[view.next]) -> apply(view, log[view.next])
        :: else
        fi;
        view.next++
    :: else -> break
    od
}

/* -------------------------------------------------------------------------------------------------- the properties */

inline check_acknowledged()
{
    up = truth.state;
    do
    :: up > acknowledged -> up = PARENT(up)
    :: else -> break
    od;
    P4_acknowledged_stays_valid = !CHECKED(4) || up == acknowledged;
    assert(P4_acknowledged_stays_valid)
}

inline check_committed()
{
    fold.state = 0;
    fold.head = 0;
    fold.action = 0;
    fold.next = 0;
    fold_log(fold, store.next);
    P3_committed_is_a_fold = !CHECKED(3) || (store.next == fold.next && store.state == fold.state &&
                             store.head == fold.head && store.action == fold.action);
    assert(P3_committed_is_a_fold)
}

/* --------------------------------------------------------------------------------------------------------- the log */

/* One total order: a record gets the next offset, and where it stands decides whether it is valid. */
inline append(arriving)
{
    log_stays_within_LENGTH = end < LENGTH;
    assert(log_stays_within_LENGTH);
    copy_record(log[end], arriving);
    valid = VALID(truth, log[end]);
    if
    :: valid ->
        printf("@   offset %d: action %d, content %d, decided on state %d: valid\n", end, log[end].action,
               EXTENDED(log[end].decided_on, log[end].variant), log[end].decided_on);
        P1_one_event_per_action_in_order = !CHECKED(1) || log[end].action >= truth.action;
        assert(P1_one_event_per_action_in_order);
        P5_decided_on_what_it_extends = !CHECKED(5) || log[end].decided_on == truth.state;
        assert(P5_decided_on_what_it_extends);
        apply(truth, log[end])
    :: else ->
        printf("@   offset %d: action %d, content %d, decided on state %d: void\n", end, log[end].action,
               EXTENDED(log[end].decided_on, log[end].variant), log[end].decided_on)
    fi;
    REACHED(SAME_BYTES_TWICE, end > 0 && !valid && log[end].previous == log[end - 1].previous &&
            log[end].variant == log[end - 1].variant && HASH(log[end]) == truth.head);
    end++;
    check_acknowledged()
}

/* ------------------------------------------------------------------------------------------------------ the decider */

inline commit()
{
    copy_store(store, txn);
    check_committed();
    if
    :: store.state > acknowledged -> acknowledged = store.state
    :: else
    fi;
    check_acknowledged()
}

/* Nothing of the transaction stays. */
inline abort()
{
    copy_store(txn, store)
}

inline abort_after_conflict()
{
#ifdef MUT_STATE_KEPT
    txn.head = store.head;
    txn.action = store.action
#else
    abort()
#endif
}

/* The producer is destroyed: what has no report goes its own way from here. */
inline leave_behind()
{
    k = 0;
    do
    :: k < sent.size ->
        if
        :: sent.report[k] == PENDING ->
            copy_record(leftover[faults].record[leftover[faults].size], sent.record[k]);
            leftover[faults].size++
        :: else
        fi;
        k++
    :: else -> break
    od
}

inline end_batch()
{
    k = 0;
    do
    :: k < 2 ->
        clear_record(sent.record[k]);
        sent.report[k] = 0;
        k++
    :: else -> break
    od;
    sent.size = 0
}

/* decide, fold; the record goes to the producer. */
inline decide(v)
{
    if
    :: txn.state < STATES && tried[txn.state] <= v -> tried[txn.state] = v + 1
    :: else
    fi;
    REACHED(DECIDED_BEHIND_LANDED, sent.size == 1 && LANDED(0) && sent.report[0] != PENDING);
    sent.record[sent.size].previous = txn.head;
    sent.record[sent.size].action = txn.action;
    sent.record[sent.size].variant = v;
    sent.record[sent.size].decided_on = txn.state;
    sent.report[sent.size] = PENDING;
    printf("@ D%d sends action %d, content %d, decided on state %d\n", d, txn.action, EXTENDED(txn.state, v), txn.state);
    apply(txn, sent.record[sent.size]);
    sent.size++
}

#define ALL_REPORTED (sent.report[0] != PENDING && (sent.size < 2 || sent.report[1] != PENDING))

#define GOES_ON (sent.size > 0 && sent.size < B && txn.action < N && sent.report[0] != REFUSED)

#define ON_ITS_WAY(i) (sent.size > i && sent.report[i] == PENDING)
#ifdef UNORDERED
#define TURN(i) ON_ITS_WAY(i)
#else
#define TURN(i) (ON_ITS_WAY(i) && (i == 0 || sent.report[0] != PENDING)) /* the idempotent producer's order */
#endif

inline land(i)
{
    printf("@ D%d's record arrives:\n", d);
    append(sent.record[i]);
    sent.report[i] = end - 1;
    REACHED(SPLIT_BATCH_VALID, valid && i == 1 && sent.report[0] < end - 2);
    REACHED(REFUSED_WITHIN_BATCH, i == 1 && sent.report[0] == REFUSED)
}

inline refuse(i)
{
    printf("@ D%d's record for action %d is refused\n", d, sent.record[i].action);
    faults--;
    sent.report[i] = REFUSED
}

inline double(i)
{
    printf("@ D%d's record for action %d is doubled on its way\n", d, sent.record[i].action);
    faults--;
    copy_record(leftover[faults].record[0], sent.record[i]);
    leftover[faults].size = 1
}

/*
 * One decider and its producer. What a decider does between two looks at the log nobody else can see: closing a batch,
 * reading to the high watermark and deciding the next batch are therefore one step. Being slow is still covered: the
 * step comes late, or its records land late.
 */
proctype Decider(byte d)
{
    Store store; /* on disk */
    Store txn;   /* the open write transaction */
    Batch sent;

end_all_answered:
    do
    :: atomic {
        if
        :: d_step {
            sent.size == 0 && (store.action < N || store.next < end) -> /* starts, or looks again */
            abort()
        }
        :: d_step {
            sent.size > 0 && ALL_REPORTED ->
            if
            :: MAY_COMMIT ->
                txn.next = OFFSET(sent.size - 1) + 1;
                printf("@ D%d commits %d of its own: state %d, next offset %d\n", d, sent.size, txn.state, txn.next);
                REACHED(FULL_BATCH_COMMITTED, sent.size == 2);
                commit()
            :: else ->
                printf("@ D%d aborts: not every record is where it had to be\n", d);
                REACHED(CONFLICT_SEEN, ALL_SUCCEEDED);
                abort_after_conflict()
            fi
        }
        /* Fault: it waits no longer, its report is lost, or it crashes. The outcome is unknown: that is no success. */
        :: d_step {
            sent.size > 0 && faults > 0 ->
            faults--;
            REACHED(CRASH_BEFORE_COMMIT, ALL_REPORTED && MAY_COMMIT);
            leave_behind();
#ifdef MUT_UNKNOWN_COMMITTED
            txn.next = store.next + sent.size;
            printf("@ D%d waits no longer and commits: state %d, next offset %d\n", d, txn.state, txn.next);
            commit()
#else
            printf("@ D%d waits no longer, or crashes: its producer and its transaction are gone\n", d);
            abort()
#endif
        }
        fi;
        d_step {
            end_batch();
            fold_log(txn, end); /* its own records included */
            printf("@ D%d has read to offset %d: state %d\n", d, txn.next, txn.state);
            commit()
        }
        do
        :: sent.size < B && txn.action < N ->
            if
            :: d_step { decide(0) }
#if V > 1
            :: d_step { DISTINCT(1) -> decide(1) }
#endif
#if V > 2
            :: d_step { DISTINCT(2) -> decide(2) }
#endif
            fi
        :: sent.size > 0 || txn.action >= N -> break
        od
    }

    /* A batch is sent in parts: the rest is decided while what was sent is on its way or has landed. */
    :: d_step { GOES_ON -> decide(0) }
#if V > 1
    :: d_step { GOES_ON && DISTINCT(1) -> decide(1) }
#endif
#if V > 2
    :: d_step { GOES_ON && DISTINCT(2) -> decide(2) }
#endif

    /* Each record lands, and is reported with its offset, at any time. */
    :: d_step { TURN(0) -> land(0) }
    :: d_step { TURN(1) -> land(1) }

    /* Fault: the broker refuses it for certain. What follows it in the batch may land all the same. */
    :: d_step { TURN(0) && faults > 0 -> refuse(0) }
    :: d_step { TURN(1) && faults > 0 -> refuse(1) }

#ifdef DUPLICATES
    :: d_step { TURN(0) && faults > 0 -> double(0) }
    :: d_step { TURN(1) && faults > 0 -> double(1) }
#endif

#ifdef DEATH
    :: d_step {
        sent.size > 0 && faults > 0 && alive > 1 ->
        printf("@ D%d crashes and never comes back\n", d);
        faults--;
        alive--;
        leave_behind();
        end_batch()
    }
       break
#endif
    od
}

/* ------------------------------------------------------------------------------ what dead producers left on the way */

inline forget(z, first)
{
    if
    :: first == 0 -> copy_record(leftover[z].record[0], leftover[z].record[1])
    :: else
    fi;
    clear_record(leftover[z].record[1]);
    leftover[z].size--
}

/* Late, half or never. */
proctype Dead(byte z)
{
#if WITNESS == LEFTOVER_HALF
    bool landed = false;
#endif

end_nothing_left:
    do
    :: d_step {
        leftover[z].size > 0 ->
        printf("@ a dead producer's record arrives:\n");
        append(leftover[z].record[0]);
        forget(z, 0);
#if WITNESS == LEFTOVER_HALF
        landed = true;
#endif
        REACHED(LEFTOVER_VALID, valid);
        REACHED(LEFTOVER_VOID, !valid)
    }
    :: d_step {
        leftover[z].size > 0 ->
        printf("@ of a dead producer's records %d will never arrive\n", leftover[z].size);
#if WITNESS == LEFTOVER_HALF
        REACHED(LEFTOVER_HALF, landed);
#endif
        forget(z, 0);
#ifndef UNORDERED
        if
        :: leftover[z].size > 0 -> forget(z, 0) /* without its predecessor no broker takes the second */
        :: else
        fi
#endif
    }
#ifdef UNORDERED
    :: d_step {
        leftover[z].size == 2 ->
        printf("@ a dead producer's second record arrives:\n");
        append(leftover[z].record[1]);
        forget(z, 1)
    }
#endif
    od
}

/* ---------------------------------------------------------------------------------------------- what else goes wrong */

#ifdef ROGUE
hidden Record forged;

inline forge(answer)
{
    printf("@ a faulty decider answers action %d where %d is next\n", answer, truth.action);
    faults--;
    forged.previous = truth.head;
    forged.action = answer;
    forged.variant = 0;
    forged.decided_on = truth.state;
    append(forged)
}

proctype Rogue()
{
end_rogue:
    do
    :: d_step { faults > 0 && truth.action > 0 -> forge(truth.action - 1) }     /* answers twice */
    :: d_step { faults > 0 && truth.action + 1 < N -> forge(truth.action + 1) } /* skips one */
    od
}
#endif

#ifdef TRUNCATION
/* Outside the rule: the check of the topics' settings and the re-read behind the commit are there against this. */
proctype Broker()
{
end_broker:
    do
    :: d_step {
        faults > 0 && end > 0 ->
        faults--;
        end--;
        clear_record(log[end]);
        printf("@ the log loses offset %d\n", end);
        truth.state = 0;
        truth.head = 0;
        truth.action = 0;
        truth.next = 0;
        fold_log(truth, end);
        truth.next = 0;
        check_acknowledged()
    }
    od
}
#endif

/* --------------------------------------------------------------------------------------------------------- the end */

/* Nobody can move any more: everything has landed or never will, and everybody has read everything. */
proctype Final()
{
    atomic {
        timeout ->
        d_step {
            up = 0;
            k = truth.state;
            do
            :: k > 0 ->
                k = PARENT(k);
                up++ /* valid events; P1 has seen that no two answer the same action */
            :: else -> break
            od;
            printf("@ the end: %d records, %d of them valid\n", end, up);
            P2_every_action_answered = !CHECKED(2) || up == N;
            assert(P2_every_action_answered);
            P2_every_action_answered = !CHECKED(2) || acknowledged == truth.state;
            assert(P2_every_action_answered);
            REACHED(ALL_ANSWERED_AFTER_FAULTS, faults == 0 && up < end)
        }
    }
}

init
{
    atomic {
        byte i = 0;
        do
        :: i < D ->
            run Decider(i);
            i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < F ->
            run Dead(i);
            i++
        :: else -> break
        od;
        i = 0;
#ifdef ROGUE
        run Rogue();
#endif
#ifdef TRUNCATION
        run Broker();
#endif
        run Final()
    }
}
