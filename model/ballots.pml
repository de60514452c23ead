/*
 * From the cast to the count: intake, reading back, the close, the sequencer, restarts, replicas that are stuck, whoever
 * withholds ballots, and two releases side by side. docs/model.md says how it is checked, and what is open.
 *
 * Sizes are set by -DNAME=number. A guard is taken out by -DNAME:
 *
 *   NO_ORDER_RULE         any number is admitted
 *   NO_MARKER_AT_START    a replica answers from what it has read since its start, without what the tables say
 *   NO_READ_BACK          the receipt is given when the record is durable, before it was read back
 *   COUNT_AT_ONE_MARKER   tally counts when one partition's marker is logged
 *   NO_FENCE              a leader that was cut off may still write
 *   LOAD_BEFORE_FENCE     a leader reads where the log ends before it has fenced the one before
 *   COUNT_OWN_CASTS       a device counts what it has signed, not what stands in the log
 *   BELIEVE_ANY_NUMBER    a device believes whichever last number it is told
 *   BELIEVE_ANY_STATEMENT a device believes a last number that its credential signed, without looking for it in the log
 *   SIGN_UNASKED          a device that was left alone signs anew by itself
 *   SKIP_UNKNOWN          a reader passes by what a newer release wrote
 *   NO_FLEET_SETTING      the newer release writes its own form at once
 */

/* ------------------------------------------------------------------------------------------------------- sizes */

#ifndef REPLICAS
#define REPLICAS 2
#endif
#ifndef CREDENTIALS
#define CREDENTIALS 1
#endif
#ifndef PARTITIONS
#define PARTITIONS 1
#endif
#ifndef CRASHES /* of replicas, of the closer and of the leading sequencer, in all */
#define CRASHES 1
#endif
#ifndef HELD /* how many posted statements somebody keeps, to have them recorded whenever it suits */
#define HELD 1
#endif
#ifndef LIES /* how often a false last number is told */
#define LIES 0
#endif
#ifndef TAKEOVERS /* how often a sequencer takes over from one that still runs */
#define TAKEOVERS 0
#endif
#define BALLOTS 3
#ifndef NUMBERS
#define NUMBERS 3
#endif
#ifndef RECORDS
#define RECORDS 10
#endif
#define ENTRIES 6

/* Ballots are numbered in the order in which their voters decided on them: 0, 1, 2. */
#if CREDENTIALS == 1
#define OWNER(b) 0
#define FIRST(c) 0
#define FINAL(c) (BALLOTS - 1)
#else
#define OWNER(b) ((b) / 2) /* 0 and 1 are one voter's, 2 is another's */
#define FIRST(c) ((c) * 2)
#define FINAL(c) ((c) + 1)
#endif
#define HOME(c) ((c) % PARTITIONS) /* the partition of a credential, by Kafka's key */
#define BIT(i) (1 << (i))
#define NONE 255

/* ----------------------------------------------------------------------------------- the log of truth, in Kafka */

#define MARKER 63
#define NEWER 64 /* written in the form of the newer release */
#define STATEMENT(b, n) ((b) * NUMBERS + (n) - 1)
#define RECORD_OF(b, n) (STATEMENT(b, n) + 1)
#define BALLOT_OF(y) ((((y) & 63) - 1) / NUMBERS)
#define NUMBER_OF(y) ((((y) & 63) - 1) % NUMBERS + 1)
#define IS_MARKER(y) (((y) & 63) == MARKER)

byte record[PARTITIONS * RECORDS];
byte end_of[PARTITIONS];
#define AT(p, o) record[(p) * RECORDS + (o)]

/* ------------------------------------------------------------------------------------------------- who knows what */

#ifdef NO_MARKER_AT_START
byte began[REPLICAS * PARTITIONS]; /* ReadBack._begin: where a replica's memory begins */
#define BEGAN(r, p) began[(r) * PARTITIONS + (p)]
#else
#define BEGAN(r, p) 0              /* makes no difference: the tables say what stands before */
#endif
bool closed_known;                 /* ElectionClosed is in ballot's tables: the window is over */
byte working[CREDENTIALS];         /* the replica that works on a voter's request: NONE, or LOST with its memory */
#define LOST 254
byte crashes = CRASHES;
short held;                        /* the statements that somebody keeps */
byte may_hold = HELD;
#if LIES > 0
short posted;                      /* every statement that left a device */
byte admitted;                     /* ballots that stand in the log */
byte lies = LIES;
#endif
#ifdef SIGN_UNASKED
byte left_alone;                   /* ballots whose voter gave up, while the device still tries */
#endif

#ifdef RELEASES
#define SEQUENCER_READER REPLICAS
#define TALLY_READER (REPLICAS + 1)
bool is_newer[REPLICAS + 2];       /* the release of every reader: replicas, the sequencer, tally */
bool write_newer;                  /* the fleet's setting */
byte before_newer[PARTITIONS];     /* where the first record in the newer form stands, or the end */
byte rollbacks = ROLLBACKS;
#define IS_NEWER(reader) is_newer[reader]
#define ANY_REPLICA_IS_NEWER (is_newer[0] || is_newer[1])
#define ALL_ARE_NEWER (is_newer[0] && is_newer[1] && is_newer[2] && is_newer[3])
#else
#define IS_NEWER(reader) true
#define ANY_REPLICA_IS_NEWER true
#endif

/* ------------------------------------------------------------------- LogReader.next_batches, where a reader stops */

#if defined(RELEASES) && !defined(SKIP_UNKNOWN)
#define READABLE(p, newer) ((newer) * end_of[p] + !(newer) * before_newer[p])
#define CAN_READ_ALL(newer) (READABLE(0, newer) == end_of[0]) /* with one partition */
#else
#define READABLE(p, newer) end_of[p]
#define CAN_READ_ALL(newer) true
#endif

/* How far a reader is: anywhere from `at` on. It is chosen anew for each look, which allows more than can happen. */
inline somewhere(at, limit) {
  do
  :: at < limit -> at++
  :: break
  od;
  skip
}

/* --------------------------------------------------------------------------------------------- Admissions.admit */

/* What a reader has seen, while a d_step works it out; otherwise 0. */
byte f_seen, f_last[2], f_i, f_y;
bool f_closed, f_newer;

inline nothing_read(newer) { f_seen = 0; f_closed = false; f_last[0] = 0; f_last[1] = 0; f_newer = newer }
inline done_reading() { nothing_read(false); f_i = 0; f_y = 0 }

#ifdef NO_ORDER_RULE
#define IS_ABOVE(n, last) true
#else
#define IS_ABOVE(n, last) ((n) > (last))
#endif

inline admit(y) {
  if
  :: (y & NEWER) && !f_newer -> skip /* poison, as it was; READABLE lets nobody come here */
  :: else ->
     if
     :: IS_MARKER(y) -> f_closed = true
     :: else ->
        if
        :: !(f_seen & BIT(BALLOT_OF(y))) && !f_closed && IS_ABOVE(NUMBER_OF(y), f_last[OWNER(BALLOT_OF(y))]) ->
           f_seen = f_seen | BIT(BALLOT_OF(y));
           f_last[OWNER(BALLOT_OF(y))] = NUMBER_OF(y)
        :: else
        fi
     fi
  fi
}

inline read_on(p, from, to) {
  f_i = from;
  do
  :: f_i < to -> f_y = AT(p, f_i); admit(f_y); f_i++
  :: else -> break
  od
}

/* ------------------------------------------------------------------------------ store.load_history, History.take */

/* A replica's view: its tables in one snapshot, and the records that its memory has beyond them. */
inline history(r, p, tables, memory) {
  nothing_read(IS_NEWER(r));
#ifdef NO_MARKER_AT_START
  read_on(p, BEGAN(r, p), memory)
#else
  f_newer = true; /* whichever replica projected them could read them */
  read_on(p, 0, tables);
  f_newer = IS_NEWER(r);
  read_on(p, tables, memory)
#endif
}

/* ----------------------------------------------------------------------------------------------- what is claimed */

byte receipts;                     /* ballots with a receipt */
byte answered;                     /* voters who are done */
bool is_counted;
byte archived;                     /* ballots in the archive */
byte counted[CREDENTIALS];         /* of each credential, the ballot that counts */
bool is_agreed;

byte c_i;
bool every_receipt_counts = true, nothing_older_supersedes = true, each_record_once_in_order = true,
  all_readers_agree = true, no_reader_stops = true, the_model_is_large_enough = true;

inline demand_counted(b) {
  every_receipt_counts = (archived & BIT(b)) && counted[OWNER(b)] >= b;
  assert(every_receipt_counts)
}

inline give_receipt(b) {
  receipts = receipts | BIT(b);
  if
  :: is_counted -> demand_counted(b)
  :: else
  fi
}

/* -------------------------------------------------------------------------------------- EventProducer.publish */

inline append(p, y) {
  AT(p, end_of[p]) = y;
#ifdef RELEASES
  before_newer[p] = before_newer[p] + (before_newer[p] == end_of[p] && !((y) & NEWER));
#endif
  end_of[p]++;
  the_model_is_large_enough = end_of[p] < RECORDS;
  assert(the_model_is_large_enough);
#if LIES > 0
  d_step { nothing_read(true); read_on(p, 0, end_of[p]); admitted = f_seen; done_reading() }
#endif
}

/* In the newer form, once the fleet's setting says that every reader knows it. */
#ifdef NO_FLEET_SETTING
#define WRITES_NEWER(r) is_newer[r]
#else
#define WRITES_NEWER(r) (is_newer[r] && write_newer)
#endif
inline append_as(r, p, y) {
#ifdef RELEASES
  if
  :: WRITES_NEWER(r) ->
#ifndef SET_TOO_EARLY
     no_reader_stops = ALL_ARE_NEWER;
     assert(no_reader_stops);
#endif
     append(p, (y) | NEWER)
  :: else -> append(p, y)
  fi
#else
  append(p, y)
#endif
}

/* -------------------------------------------------------------------------------- a voter, a device, its requests */

/* What a device takes for its credential's last number, when it is told one. */
#ifdef BELIEVE_ANY_NUMBER
#define BELIEVED(t, n) (n <= 2) /* or the model would have to be larger */
#else
#ifdef BELIEVE_ANY_STATEMENT
#define BELIEVED(t, n) (posted & BIT(STATEMENT(t, n)))
#else
#define BELIEVED(t, n) ((posted & BIT(STATEMENT(t, n))) && (admitted & BIT(t)))
#endif
#endif
#define LIE(t, n) \
  lies > 0 && working[c] == r && b != t && n < NUMBERS && BELIEVED(t, n) -> \
  lies--; last = n; \
  printf("replica %d lies: ballot %c, number %d, is the last\n", r, 65 + (t), n); \
  goto signs_anew

#define STANDS 1
#define IS_CLOSED 2
#define IS_OLDER 3

inline look_into(r, p, tables, memory, b) {
  history(r, p, tables, memory);
  last = f_last[OWNER(b)];
  if
  :: f_seen & BIT(b) -> verdict = STANDS
  :: else -> verdict = 0
  fi
}

#ifdef PATIENT
#define MAY_GIVE_UP false
#else
#define MAY_GIVE_UP (b < FINAL(c)) /* who gives the last ballot up has no claim left */
#endif

proctype Voter(byte c) {
  byte b = FIRST(c);               /* the ballot */
  byte number;                     /* of the order statement */
  byte known;                      /* the last number that the device found in the log */
  byte r;                          /* the replica that it talks to */
  byte position;                   /* of the record */
  byte tables, memory;             /* how far that replica's tables and memory are: chosen anew for each look */
  byte verdict, last;              /* of that look */

new_ballot:
  if
  :: number = known + 1            /* the same device */
  :: known > 0 -> number = 1       /* another one, which knows of nothing */
  fi;

post:
  atomic {
    the_model_is_large_enough = number <= NUMBERS;
    assert(the_model_is_large_enough);
    if
    :: r = 0
#if REPLICAS > 1
    :: r = 1
#endif
#if REPLICAS > 2
    :: r = 2
#endif
    fi;
    working[c] = r;
    if
    :: may_hold > 0 && !(held & BIT(STATEMENT(b, number))) ->
       may_hold--; held = held | BIT(STATEMENT(b, number));
       printf("voter %d posts ballot %c, number %d, at replica %d; somebody keeps a copy\n", c, 65 + b, number, r)
    :: printf("voter %d posts ballot %c, number %d, at replica %d\n", c, 65 + b, number, r)
    fi;
#if LIES > 0
    posted = posted | BIT(STATEMENT(b, number))
#endif
  }

  /* Intake.check */
  atomic {
    if
    :: MAY_GIVE_UP -> goto gives_up
    :: working[c] == LOST -> goto post
    :: working[c] == r ->
       tables = BEGAN(r, HOME(c));
       somewhere(tables, READABLE(HOME(c), ANY_REPLICA_IS_NEWER));
       memory = BEGAN(r, HOME(c));
       somewhere(memory, READABLE(HOME(c), IS_NEWER(r)));
       d_step {
         look_into(r, HOME(c), tables, memory, b);
         tables = 0; memory = 0; done_reading();
         if
         :: verdict == STANDS
         :: else ->
            if
            :: closed_known -> verdict = IS_CLOSED
            :: !closed_known && !IS_ABOVE(number, last) -> verdict = IS_OLDER
            :: else
            fi
         fi
       }
       if
       :: verdict == STANDS -> verdict = 0; last = 0; goto has_receipt
       :: verdict == IS_CLOSED -> verdict = 0; last = 0; goto is_refused
       :: verdict == IS_OLDER -> verdict = 0; goto signs_anew
       :: else -> last = 0
       fi
#if LIES > 0
    :: LIE(0, 1)
    :: LIE(0, 2)
    :: LIE(0, 3)
    :: LIE(1, 1)
    :: LIE(1, 2)
    :: LIE(1, 3)
#endif
    fi
  }

  /* Intake.record: EventProducer.publish */
  atomic {
    if
    :: MAY_GIVE_UP -> goto gives_up
    :: working[c] == LOST -> goto post
    :: working[c] == r ->
       position = end_of[HOME(c)];
       append_as(r, HOME(c), RECORD_OF(b, number));
       printf("replica %d records ballot %c, number %d, at %d/%d\n", r, 65 + b, number, HOME(c), position)
    fi
  }

  /* Intake.record: ReadBack.wait_for, store.load_history, History.demand_admitted */
#ifdef NO_READ_BACK
  goto has_receipt;
#endif
  atomic {
    if
    :: MAY_GIVE_UP -> goto gives_up
    :: working[c] == LOST -> goto post
    :: working[c] == r && position < READABLE(HOME(c), IS_NEWER(r)) ->
       tables = BEGAN(r, HOME(c));
       somewhere(tables, READABLE(HOME(c), ANY_REPLICA_IS_NEWER));
       memory = position + 1;
       somewhere(memory, READABLE(HOME(c), IS_NEWER(r)));
       d_step {
         look_into(r, HOME(c), tables, memory, b);
         if
         :: verdict == STANDS
         :: else ->
            /* closed, if the marker stands before the record */
            if
            :: tables > position -> tables = position
            :: else
            fi;
            history(r, HOME(c), tables, position);
            verdict = (f_closed -> IS_CLOSED : IS_OLDER)
         fi;
         tables = 0; memory = 0; position = 0; done_reading()
       }
       if
       :: verdict == STANDS -> verdict = 0; last = 0; goto has_receipt
       :: verdict == IS_CLOSED -> verdict = 0; last = 0; goto is_refused
       :: verdict == IS_OLDER -> verdict = 0; goto signs_anew
       fi
    fi
  }

signs_anew:
  atomic {
    printf("voter %d is told that the last number is %d\n", c, last);
    known = last; number = last + 1; last = 0;
    goto post
  }

has_receipt:
  atomic {
    printf("voter %d gets a receipt of ballot %c\n", c, 65 + b);
    d_step {
      give_receipt(b);
      known = (number > known -> number : known)
    }
    goto next
  }

is_refused:
  atomic {
    printf("voter %d is told that the election is closed\n", c);
    goto next
  }

gives_up:
  atomic {
    printf("voter %d gives ballot %c up\n", c, 65 + b);
#ifdef SIGN_UNASKED
    left_alone = left_alone | BIT(b);
#endif
#ifdef COUNT_OWN_CASTS
    known = (number > known -> number : known);
#endif
    goto next
  }

next:
  atomic {
    working[c] = NONE; number = 0; r = 0; position = 0;
    if
    :: b < FINAL(c) -> b++; goto new_ballot
    :: else
    fi;
    b = 0; known = 0;
    answered++
  }
}

/* ----------------------------------------------------------------- whoever keeps ballots back, and what else fails */

#define RECORD_LATE(b, n) \
  d_step { held & BIT(STATEMENT(b, n)) -> \
    held = held & ~BIT(STATEMENT(b, n)); \
    printf("the kept copy of ballot %c, number %d, is recorded at %d/%d\n", 65 + b, n, HOME(OWNER(b)), end_of[HOME(OWNER(b))]); \
    append(HOME(OWNER(b)), RECORD_OF(b, n)) }

#ifdef SIGN_UNASKED
#define SIGN_ANEW(b) \
  d_step { left_alone & BIT(b) -> \
    left_alone = left_alone & ~BIT(b); \
    nothing_read(true); read_on(HOME(OWNER(b)), 0, end_of[HOME(OWNER(b))]); \
    if \
    :: f_last[OWNER(b)] > 0 && !f_closed && !(f_seen & BIT(b)) -> \
       printf("the device that was left alone signs ballot %c anew, number %d\n", 65 + b, f_last[OWNER(b)] + 1); \
       append(HOME(OWNER(b)), RECORD_OF(b, f_last[OWNER(b)] + 1)) \
    :: else \
    fi; \
    done_reading() }
#endif

proctype Withholder() {
end:
  do
  :: RECORD_LATE(0, 1)
  :: RECORD_LATE(0, 2)
  :: RECORD_LATE(0, 3)
  :: RECORD_LATE(1, 1)
  :: RECORD_LATE(1, 2)
  :: RECORD_LATE(1, 3)
  :: RECORD_LATE(2, 1)
  :: RECORD_LATE(2, 2)
  :: RECORD_LATE(2, 3)
#if NUMBERS > 3
  :: RECORD_LATE(0, 4)
  :: RECORD_LATE(1, 4)
  :: RECORD_LATE(2, 4)
#endif
#if NUMBERS > 4
  :: RECORD_LATE(0, 5)
  :: RECORD_LATE(1, 5)
  :: RECORD_LATE(2, 5)
#endif
#ifdef SIGN_UNASKED
  :: SIGN_ANEW(0)
  :: SIGN_ANEW(1)
#endif
  od
}

/* A replica dies with the requests that it works on, and starts anew; ReadBack.run: it reads on from where the tables
   are. */
#ifdef NO_MARKER_AT_START
#define MAY_CRASH(r) true
#else
#if CREDENTIALS > 1
#define MAY_CRASH(r) (working[0] == r || working[1] == r) /* an idle one has nothing to lose */
#else
#define MAY_CRASH(r) (working[0] == r)
#endif
#endif

inline restart(r) {
  atomic {
    crashes > 0 && MAY_CRASH(r) -> crashes--;
#ifdef NO_MARKER_AT_START
    do
    :: p < PARTITIONS && BEGAN(r, p) < end_of[p] -> BEGAN(r, p) = BEGAN(r, p) + 1
    :: p < PARTITIONS -> p++
    :: p == PARTITIONS -> break
    od;
    p = 0;
    printf("replica %d starts anew, and reads partition 0 from %d\n", r, BEGAN(r, 0));
#else
    printf("replica %d starts anew\n", r);
#endif
    do
    :: p < CREDENTIALS ->
       if
       :: working[p] == r -> working[p] = LOST
       :: else
       fi;
       p++
    :: p == CREDENTIALS -> break
    od;
    p = 0
  }
}

proctype Crash() {
  byte p;
end:
  do
  :: restart(0)
#if REPLICAS > 1
  :: restart(1)
#endif
#if REPLICAS > 2
  :: restart(2)
#endif
  od
}

/* ------------------------------------------------------------------------------------------ BoxCloser._close_boxes */

#ifdef CLOSE_LAST
#define MAY_CLOSE (answered == CREDENTIALS)
#else
#define MAY_CLOSE true
#endif

proctype Closer() {
  byte p, tables;
  bool is_marked;
  atomic { MAY_CLOSE -> closed_known = true; printf("the election is closed\n") }
again:
  do
  :: p < PARTITIONS ->
     atomic {
       somewhere(tables, READABLE(p, ANY_REPLICA_IS_NEWER));
       d_step { nothing_read(true); read_on(p, 0, tables); tables = 0; is_marked = f_closed; done_reading() }
       if
       :: !is_marked -> printf("the marker is written at %d/%d\n", p, end_of[p]); append(p, MARKER)
       :: else
       fi;
       is_marked = false; p++
     }
  :: atomic { p > 0 && crashes > 0 -> crashes--; p = 0; printf("the replica that closes the box crashes\n"); goto again }
  :: p == PARTITIONS -> break
  od
}

/* ---------------------------------------------------------------------------------------- the sequencer, the log */

byte entry[ENTRIES];               /* the public log: places of records, by CheckpointSigned */
byte entries;
byte marked;                       /* partitions whose marker is in it */
byte leader;                       /* who was the last to fence: the transactional id is its */
byte takeovers = TAKEOVERS;
#define ENTRY(p, o) ((p) * RECORDS + (o) + 1)
#define PARTITION_OF(e) (((e) - 1) / RECORDS)
#define OFFSET_OF(e) (((e) - 1) % RECORDS)

/* TransactionalProducer.publish_all, and what is claimed about it */
inline log_entry(p, o) {
  c_i = 0;
  do
  :: c_i < entries ->
     each_record_once_in_order = PARTITION_OF(entry[c_i]) != p || OFFSET_OF(entry[c_i]) < o;
     assert(each_record_once_in_order);
     f_y = AT(PARTITION_OF(entry[c_i]), OFFSET_OF(entry[c_i]));
     nothing_older_supersedes = IS_MARKER(f_y) || IS_MARKER(AT(p, o)) || OWNER(BALLOT_OF(f_y)) != OWNER(BALLOT_OF(AT(p, o))) || BALLOT_OF(f_y) < BALLOT_OF(AT(p, o));
     assert(nothing_older_supersedes);
     c_i++
  :: else -> break
  od;
  the_model_is_large_enough = entries < ENTRIES;
  assert(the_model_is_large_enough);
  entry[entries] = ENTRY(p, o); entries++;
  if
  :: IS_MARKER(AT(p, o)) -> marked = marked | BIT(p); printf("sequencer %d logs the marker at %d/%d\n", me, p, o)
  :: else -> printf("sequencer %d logs ballot %c, number %d, at %d/%d\n", me, 65 + BALLOT_OF(AT(p, o)), NUMBER_OF(AT(p, o)), p, o)
  fi
}

/* Sequencer._take, Sequenced.admit: the next record of a partition */
inline take(p) {
  nothing_read(IS_NEWER(SEQUENCER_READER));
  f_seen = seen; f_closed = closed[p]; f_last[0] = last[0];
#if CREDENTIALS > 1
  f_last[1] = last[1];
#endif
  admit(AT(p, next[p]));
  f_i = (f_closed != closed[p] || f_seen != seen);
  seen = f_seen; closed[p] = f_closed; last[0] = f_last[0];
#if CREDENTIALS > 1
  last[1] = f_last[1];
#endif
  if
  :: f_i -> log_entry(p, next[p])
  :: else
  fi;
  next[p]++;
  c_i = 0; done_reading()
}

inline forget() {
  seen = 0; next[0] = 0; closed[0] = false; last[0] = 0;
#if PARTITIONS > 1
  next[1] = 0; closed[1] = false;
#endif
#if CREDENTIALS > 1
  last[1] = 0
#endif
}

/* store.next_offsets, store.sequenced: what the log itself tells a new leader */
inline load() {
  forget();
  c_i = 0;
  do
  :: c_i < entries ->
     f_i = PARTITION_OF(entry[c_i]);
     next[f_i] = OFFSET_OF(entry[c_i]) + 1;
     f_y = AT(f_i, OFFSET_OF(entry[c_i]));
     if
     :: IS_MARKER(f_y) -> closed[f_i] = true
     :: else -> seen = seen | BIT(BALLOT_OF(f_y)); last[OWNER(BALLOT_OF(f_y))] = NUMBER_OF(f_y)
     fi;
     c_i++
  :: else -> break
  od;
  c_i = 0; done_reading()
}

#ifdef NO_FENCE
#define MAY_WRITE true
#else
#define MAY_WRITE (leader == me)
#endif
#ifdef SEQUENCE_LAST
#define MAY_LEAD (answered == CREDENTIALS)
#else
#define MAY_LEAD true
#endif

proctype Sequencer(byte me) {
  byte next[PARTITIONS], seen, last[CREDENTIALS];
  bool closed[PARTITIONS];
end_standing_by:
  do
  ::
#ifdef LOAD_BEFORE_FENCE
     d_step { MAY_LEAD && (leader == 0 || takeovers > 0) -> load() };
#endif
     d_step {
       MAY_LEAD && (leader == 0 || takeovers > 0) ->
       if
       :: leader != 0 -> takeovers--
       :: else
       fi;
       leader = me;
       printf("sequencer %d fences every other\n", me)
     };
#ifndef LOAD_BEFORE_FENCE
     d_step { load() };
#endif
end_leading:
     do
     :: d_step { MAY_WRITE && next[0] < READABLE(0, IS_NEWER(SEQUENCER_READER)) -> take(0) }
#if PARTITIONS > 1
     :: d_step { MAY_WRITE && next[1] < READABLE(1, IS_NEWER(SEQUENCER_READER)) -> take(1) }
#endif
     :: d_step { leader != me -> forget() } -> break
     :: d_step { leader == me && crashes > 0 -> crashes--; leader = 0; forget(); printf("sequencer %d crashes\n", me) } -> break
     od
  od
}

/* ------------------------------------------------------------------------------------------- tally, the archive */

#ifdef COUNT_AT_ONE_MARKER
#define IS_COMPLETE (marked != 0)
#else
#define IS_COMPLETE (marked == BIT(PARTITIONS) - 1)
#endif

/* counting.box_complete_at, exports.archive_bytes, store.counted_ballots */
inline count() {
  f_seen = 0; /* the partitions whose marker has been passed */
  c_i = 0;
  do
  :: c_i < entries && f_seen != marked ->
     f_y = AT(PARTITION_OF(entry[c_i]), OFFSET_OF(entry[c_i]));
     if
     :: IS_MARKER(f_y) -> f_seen = f_seen | BIT(PARTITION_OF(entry[c_i]))
     :: (f_y & NEWER) && !IS_NEWER(TALLY_READER) /* poison, as above */
     :: else -> archived = archived | BIT(BALLOT_OF(f_y)); counted[OWNER(BALLOT_OF(f_y))] = BALLOT_OF(f_y)
     fi;
     c_i++
  :: else -> break
  od;
  is_counted = true;
  printf("tally counts\n");
  c_i = 0;
  do
  :: c_i < BALLOTS ->
     if
     :: receipts & BIT(c_i) -> demand_counted(c_i)
     :: else
     fi;
     c_i++
  :: else -> break
  od;
  c_i = 0; done_reading()
}

/* What the tables, and every replica whatever its memory began with, say once they have read everything. */
inline compare() {
  agreed_on = 0; k = 0;
  do
  :: k < PARTITIONS -> nothing_read(true); read_on(k, 0, end_of[k]); agreed_on = agreed_on | f_seen; k++
  :: else -> break
  od;
  all_readers_agree = agreed_on == archived;
  assert(all_readers_agree);
  c_i = 0;
  do
  :: c_i < REPLICAS ->
     agreed_on = 0; k = 0;
     do
     :: k < PARTITIONS ->
        history(c_i, k, BEGAN(c_i, k), end_of[k]);
        agreed_on = agreed_on | f_seen; k++
     :: else -> break
     od;
     all_readers_agree = agreed_on == archived;
     assert(all_readers_agree);
     c_i++
  :: else -> break
  od;
  agreed_on = 0; k = 0; c_i = 0; done_reading();
  is_agreed = true
}

proctype Tally() {
  byte agreed_on, k;
  atomic { IS_COMPLETE && CAN_READ_ALL(IS_NEWER(TALLY_READER)) -> d_step { count() } };
#ifndef WITHOUT_AGREEMENT
  atomic { CAN_READ_ALL(ALL_ARE_NEWER) -> d_step { compare() } }
#endif
}

/* --------------------------------------------------------------------------------- two releases, side by side */

#ifdef RELEASES
#ifdef SET_TOO_EARLY
#define MAY_SET true               /* the operators err */
#define MAY_CHANGE(reader) ((reader) < REPLICAS || MAY_LEAD) /* before they read, their release makes no difference */
#define MAY_ROLL_BACK true
#else
#define MAY_SET ALL_ARE_NEWER
#define MAY_CHANGE(reader) true
#define MAY_ROLL_BACK !write_newer
#endif

#define CHANGE(reader, now) \
  is_newer[reader] = now; \
  if \
  :: reader < REPLICAS && working[0] == reader -> working[0] = LOST \
  :: reader == SEQUENCER_READER && leader == 1 -> leader = 0 \
  :: else \
  fi; \
  if \
  :: now -> printf("reader %d is upgraded\n", reader) \
  :: else -> printf("reader %d is rolled back\n", reader) \
  fi
#define UPGRADE(reader) d_step { !is_newer[reader] && MAY_CHANGE(reader) -> CHANGE(reader, true) }
#define ROLL_BACK(reader) d_step { is_newer[reader] && rollbacks > 0 && MAY_ROLL_BACK && MAY_CHANGE(reader) -> rollbacks--; CHANGE(reader, false) }

/* Readers 0 and 1 are ballot's replicas, 2 is the sequencer, 3 is tally. */
proctype Fleet() {
end:
  do
  :: UPGRADE(0)
  :: UPGRADE(1)
  :: UPGRADE(2)
  :: UPGRADE(3)
  :: ROLL_BACK(0)
  :: ROLL_BACK(2)
  :: ROLL_BACK(3)
  :: d_step { !write_newer && MAY_SET -> write_newer = true; printf("the newer form is to be written\n") }
  od
}
#endif

init {
  byte n;
  atomic {
    for (n : 0 .. CREDENTIALS - 1) { working[n] = NONE; run Voter(n) }
#ifdef RELEASES
    run Fleet();
#endif
    run Withholder();
    run Crash();
    run Closer();
    run Sequencer(1);
#ifdef STANDBY
    run Sequencer(2);
#endif
    run Tally();
    n = 0
  }
}

ltl progress { <> (is_agreed && answered == CREDENTIALS) }
