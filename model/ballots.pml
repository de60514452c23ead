/*
 * A ballot's way from the cast to the count: intake, reading back, the close, the sequencer, restarts, replicas that stand still, whoever
 * withholds ballots, and two releases side by side.
 *
 * check.py says in which sizes it is searched, and which guards are taken out (-DNAME). A line that stands for code of the platform ends in a
 * mark, such as @look_and_reserve: docs/model.md says for each what the code is, and what the model leaves out.
 */

/* ------------------------------------------------------------------------------------------------------------------------------- sizes */

#ifndef REPLICAS
#define REPLICAS 2
#endif
#ifndef CREDENTIALS /* each one voter's */
#define CREDENTIALS 1
#endif
#ifndef BALLOTS
#define BALLOTS 3
#endif
#ifndef NUMBERS /* the largest number of an order statement */
#define NUMBERS 3
#endif
#ifndef PARTITIONS
#define PARTITIONS 1
#endif
#ifndef CRASHES /* of replicas, of the one that closes the box and of the leading sequencer, in all */
#define CRASHES 0
#endif
#ifndef HELD /* posted statements that a replica which stands still, or somebody on purpose, records at any later time */
#define HELD 0
#endif
#ifndef LIES /* how often a replica tells a false last number */
#define LIES 0
#endif
#ifndef TAKEOVERS /* how often a sequencer takes over from one that still runs */
#define TAKEOVERS 0
#endif
#ifndef ROLLBACKS
#define ROLLBACKS 0
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
#define HOME(c) ((c) % PARTITIONS) /* @partition_key */
#define BIT(i) (1 << (i))
#define NOBODY 255

/* What makes no difference to the ballots may wait, which leaves fewer interleavings. The configuration "interleaved" searches them all. */
#ifdef CLOSE_LAST
#define MAY_CLOSE (answered == CREDENTIALS)
#else
#define MAY_CLOSE true
#endif
#ifdef SEQUENCE_LAST
#define MAY_LEAD (answered == CREDENTIALS)
#else
#define MAY_LEAD true
#endif

/* ---------------------------------------------------------------------------------------------------------- the log of truth, in Kafka */

#define STATEMENT(b, n) ((b) * NUMBERS + (n) - 1) /* that ballot b is its voter's number n, signed by the credential */
#define BALLOT_IN(s) ((s) / NUMBERS)
#define NUMBER_IN(s) ((s) % NUMBERS + 1)
#define RECORD(s) ((s) + 1) /* of a statement */
#define MARKER 63
#define NEWER 64 /* in the form of the newer release */
#define IS_MARKER(y) (((y) & 63) == MARKER)
#define BALLOT_OF(y) BALLOT_IN(((y) & 63) - 1)
#define NUMBER_OF(y) NUMBER_IN(((y) & 63) - 1)

byte record[PARTITIONS * RECORDS];
byte end_of[PARTITIONS];
#define AT(p, o) record[(p) * RECORDS + (o)]

/* ------------------------------------------------------------------------------------------------------------------- who knows what */

#ifdef NO_MARKER_AT_START
byte began[REPLICAS * PARTITIONS];
#define BEGAN(r, p) began[(r) * PARTITIONS + (p)]
#else
#define BEGAN(r, p) 0              /* wherever memory begins: the tables say what stands before */
#endif
bool closed_known;                 /* ElectionClosed is in the tables: the window is over */
byte working[CREDENTIALS];         /* the replica that works on a voter's request; NOBODY; or LOST with the replica's memory */
#define LOST 254
byte crashes = CRASHES;
#if HELD > 0
byte may_hold = HELD;
short held;                        /* the statements that are kept back */
#endif
#if LIES > 0
byte lies = LIES;
short posted;                      /* the statements that ever left a device */
#endif
#ifdef SIGN_UNASKED
byte left_alone;                   /* ballots whose voter gave up, while the device goes on */
#endif
byte answered;                     /* voters who are done */
#ifdef PROGRESS
byte box_marked;                   /* partitions that have a marker, as bits */
#endif

#ifdef RELEASES
#define TALLY_READER REPLICAS
#define SEQUENCER_READER (REPLICAS + 1)
#define READERS (REPLICAS + 2)
byte newer;                        /* which readers are of the newer release, as bits: replicas, tally, the sequencer */
bool write_newer;                  /* the deployment's setting */
byte readable;                     /* how far the older release reads: to the first record in the newer form, or the end */
byte rollbacks = ROLLBACKS;
#define IS_NEWER(reader) ((newer >> (reader)) & 1)
#define ANY_REPLICA_IS_NEWER ((newer & (BIT(REPLICAS) - 1)) != 0)
#define ALL_ARE_NEWER (newer == BIT(READERS) - 1)
#else
#define IS_NEWER(reader) true
#define ANY_REPLICA_IS_NEWER true
#define ALL_ARE_NEWER true
#endif

#if defined(RELEASES) && !defined(SKIP_UNKNOWN)
#define READABLE(p, newer) ((newer) * end_of[p] + !(newer) * readable) /* @LogReader.next_batches */
#else
#define READABLE(p, newer) end_of[p]
#endif
#define CAN_READ_ALL(newer) (READABLE(0, newer) == end_of[0]) /* with one partition */

/* How far a reader is: anywhere from `at` on. It is chosen anew for each look, which allows more than can happen. */
inline somewhere(at, limit) {
  do
  :: at < limit -> at++
  :: break
  od;
  skip
}

/* Any one of a set that isn't empty. */
inline choose(k, set) {
  k = 0;
  do
  :: (set) & BIT(k) -> break
  :: (set) >> (k + 1) -> k++
  od
}

/* ------------------------------------------------------------------------------------------------------------ the rule, and who looks */

/* What a reader has found, while a d_step works it out; otherwise 0. */
byte f_seen, f_last[2], f_i, f_y;
bool f_closed, f_newer;

inline nothing_read(newer) { f_seen = 0; f_closed = false; f_last[0] = 0; f_last[1] = 0; f_newer = newer }
inline done_reading() { nothing_read(false); f_i = 0; f_y = 0 }

#ifdef NO_ORDER_RULE
#define IS_ABOVE(n, last) true
#else
#define IS_ABOVE(n, last) ((n) > (last)) /* @Admissions.admit-older */
#endif

inline admit(y) {
  if
  :: (y & NEWER) && !f_newer -> skip /* taken for poison; READABLE lets nobody come here @decode */
  :: else ->
     if
     :: IS_MARKER(y) -> f_closed = true /* @Sequenced.admit */
     :: else ->
        if
        :: f_seen & BIT(BALLOT_OF(y)) /* @Admissions.admit-duplicate */
        :: !(f_seen & BIT(BALLOT_OF(y))) && f_closed /* @Admissions.admit-after-close */
        :: !(f_seen & BIT(BALLOT_OF(y))) && !f_closed && !IS_ABOVE(NUMBER_OF(y), f_last[OWNER(BALLOT_OF(y))])
        :: !(f_seen & BIT(BALLOT_OF(y))) && !f_closed && IS_ABOVE(NUMBER_OF(y), f_last[OWNER(BALLOT_OF(y))]) ->
           f_seen = f_seen | BIT(BALLOT_OF(y));
           f_last[OWNER(BALLOT_OF(y))] = NUMBER_OF(y)
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

/* A replica's view: its tables in one snapshot, and the records that its memory has beyond them. */
inline history(r, p, tables, memory) {
  nothing_read(IS_NEWER(r));
#ifdef NO_MARKER_AT_START
  read_on(p, BEGAN(r, p), memory)
#else
  f_newer = true; /* whichever replica projected them could read them */
  read_on(p, 0, tables); /* @look_and_reserve */
  f_newer = IS_NEWER(r);
  read_on(p, tables, memory) /* @ReadBack.records_since */
#endif
}

/* ---------------------------------------------------------------------------------------------------------------- what is claimed */

byte receipts;                     /* ballots with a receipt */
byte told_closed;                  /* ballots of which a voter was told that the election is closed */
bool is_counted;
byte archived;                     /* ballots in the archive */
byte counted[CREDENTIALS];         /* of each credential, the ballot that counts */
bool is_agreed;

byte c_i;
bool every_receipt_counts = true, closed_is_a_fact = true, nothing_older_supersedes = true, each_record_once_in_order = true, all_readers_agree = true,
  no_reader_stops = true, the_model_is_large_enough = true;

inline demand_counted(b) {
  every_receipt_counts = (archived & BIT(b)) && counted[OWNER(b)] >= b;
  assert(every_receipt_counts)
}

inline demand_not_counted(b) {
  closed_is_a_fact = !(archived & BIT(b));
  assert(closed_is_a_fact)
}

inline tell_closed(b) {
  told_closed = told_closed | BIT(b);
  if
  :: is_counted -> demand_not_counted(b)
  :: else
  fi
}

inline give_receipt(b) {
  receipts = receipts | BIT(b);
  if
  :: is_counted -> demand_counted(b)
  :: else
  fi
}

/* ----------------------------------------------------------------------------------------------------------------- writing to Kafka */

inline append(p, y) {
  AT(p, end_of[p]) = y; /* @EventProducer.publish */
#ifdef RELEASES
  readable = readable + (readable == end_of[p] && !((y) & NEWER));
#endif
  end_of[p]++;
  the_model_is_large_enough = end_of[p] < RECORDS;
  assert(the_model_is_large_enough)
}

#ifdef NO_FLEET_SETTING
#define WRITES_NEWER(r) IS_NEWER(r)
#else
#define WRITES_NEWER(r) (IS_NEWER(r) && write_newer) /* @new_envelope */
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
  :: append(p, y) /* a writer that the setting has not reached yet */
  fi
#else
  append(p, y)
#endif
}

/* --------------------------------------------------------------------------------------------- a voter, a device, and its requests */

/* What a device believes, when it is told its last ballot: what its credential signed, and the log has. */
#if LIES > 0
#define OF_BALLOT(b) ((BIT(NUMBERS) - 1) << ((b) * NUMBERS))
inline find_credible(b) {
#ifdef BELIEVE_ANY_NUMBER
  credible = 1 << STATEMENT(0, 1) | 1 << STATEMENT(0, 2) | 1 << STATEMENT(1, 1) | 1 << STATEMENT(1, 2);
#else
  credible = posted; /* @verify_order */
#endif
  credible = credible & ~OF_BALLOT(b); /* @PollingDay.cast-lie */
#if !defined(BELIEVE_ANY_NUMBER) && !defined(BELIEVE_ANY_STATEMENT)
  nothing_read(true); read_on(0, 0, end_of[0]);
  f_i = 0;
  do
  :: f_i < BALLOTS -> credible = ((f_seen & BIT(f_i)) -> credible : credible & ~OF_BALLOT(f_i)); f_i++ /* @PollingDay._find_in_log */
  :: else -> break
  od;
  done_reading()
#endif
}
#endif

#define STANDS 1
#define IS_CLOSED 2
#define IS_OLDER 3
#define IS_PENDING 4

#ifdef CLOSED_BY_THE_CLOCK
#define IS_FINAL true
#else
#define IS_FINAL f_closed /* @History.is_final */
#endif

inline look_into(r, p, tables, memory, b) {
  history(r, p, tables, memory);
  last = f_last[OWNER(b)];
  verdict = ((f_seen & BIT(b)) -> STANDS : 0) /* @History.accepted */
}

#define MAY_GIVE_UP (b < FINAL(c)) /* who gives the last ballot up has no claim left */

proctype Voter(byte c) {
  byte b = FIRST(c);               /* the ballot */
  byte number;                     /* of the order statement */
  byte known;                      /* the last number that the device found in the log */
  byte r;                          /* the replica that it talks to */
  byte position;                   /* of the record */
  byte tables, memory;             /* how far that replica's tables and memory are: chosen anew for each look */
  byte verdict, last;              /* of that look */
#if LIES > 0
  short credible;
#endif

new_ballot:
  if
  :: number = known + 1            /* the same device @PollingDay.cast */
  :: known > 0 -> number = 1       /* another one, which knows of nothing */
  fi;

post:
  atomic {
    the_model_is_large_enough = number <= NUMBERS;
    assert(the_model_is_large_enough);
    choose(r, BIT(REPLICAS) - 1);
    working[c] = r; /* @PollingDay._post */
    if
#if HELD > 0
    :: may_hold > 0 && !(held & BIT(STATEMENT(b, number))) ->
       may_hold--; held = held | BIT(STATEMENT(b, number));
       printf("voter %d posts ballot %c, number %d, at replica %d; somebody keeps a copy\n", c, 65 + b, number, r)
#endif
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
         look_into(r, HOME(c), tables, memory, b); /* @Intake._check */
         if
         :: verdict == STANDS
         :: verdict != STANDS && closed_known -> verdict = (IS_FINAL -> IS_CLOSED : IS_PENDING) /* @check_window */
         :: verdict != STANDS && !closed_known && !IS_ABOVE(number, last) -> verdict = IS_OLDER /* @History.demand_newer */
         :: else -> last = 0
         fi;
         tables = 0; memory = 0; done_reading()
       }
       if
       :: verdict == STANDS -> verdict = 0; last = 0; goto has_receipt
       :: verdict == IS_CLOSED -> verdict = 0; last = 0; goto is_refused
       :: verdict == IS_OLDER -> verdict = 0; goto signs_anew
       :: verdict == IS_PENDING -> verdict = 0; last = 0; goto asks_again
       :: else
       fi
#if LIES > 0
    :: working[c] == r && lies > 0 ->
       lies--;
       d_step { find_credible(b) };
       if
       :: credible ->
          choose(last, credible);
          printf("replica %d lies: ballot %c, number %d, is the last\n", r, 65 + BALLOT_IN(last), NUMBER_IN(last));
          last = NUMBER_IN(last); credible = 0;
          goto signs_anew
       :: else -> goto post
       fi
#endif
    fi
  }

  /* Intake.record, until it is durable */
  atomic {
    if
    :: MAY_GIVE_UP -> goto gives_up
    :: working[c] == LOST -> goto post
    :: working[c] == r ->
       position = end_of[HOME(c)];
       append_as(r, HOME(c), RECORD(STATEMENT(b, number))); /* @Intake.record */
       printf("replica %d records ballot %c, number %d, at %d/%d\n", r, 65 + b, number, HOME(c), position)
    fi
  }

  /* Intake.record, from there to the receipt */
#ifdef NO_READ_BACK
  goto has_receipt;
#endif
  atomic {
    if
    :: MAY_GIVE_UP -> goto gives_up
    :: working[c] == LOST -> goto post
    :: working[c] == r && position < READABLE(HOME(c), IS_NEWER(r)) -> /* @ReadBack.wait_for */
       tables = BEGAN(r, HOME(c));
       somewhere(tables, READABLE(HOME(c), ANY_REPLICA_IS_NEWER));
       memory = position + 1;
       somewhere(memory, READABLE(HOME(c), IS_NEWER(r)));
       d_step {
         look_into(r, HOME(c), tables, memory, b);
         if
         :: verdict == STANDS
         :: else ->
            tables = (tables > position -> position : tables);
            history(r, HOME(c), tables, position);
            verdict = (f_closed -> IS_CLOSED : IS_OLDER) /* @History.demand_admitted */
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

asks_again:
  atomic {
    working[c] = NOBODY; r = 0;
    if
    :: MAY_GIVE_UP -> goto gives_up
#ifdef PROGRESS
    /* Over and over until a replica reads the marker, which is sooner or later. What it says then, whichever it is: */
    :: box_marked & BIT(HOME(c)) ->
       d_step { look_into(0, HOME(c), end_of[HOME(c)], end_of[HOME(c)], b); last = 0; done_reading() }
       if
       :: verdict == STANDS -> verdict = 0; goto has_receipt
       :: else -> goto is_refused
       fi
#else
    :: goto post
#endif
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
      give_receipt(b); /* @sign_receipt */
      known = (number > known -> number : known)
    }
    goto next
  }

is_refused:
  atomic {
    printf("voter %d is told that the election is closed\n", c);
    d_step { tell_closed(b) }
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
    working[c] = NOBODY; number = 0; r = 0; position = 0;
    if
    :: b < FINAL(c) -> b++; goto new_ballot
    :: else
    fi;
    b = 0; known = 0;
    answered++
  }
}

/* ------------------------------------------------------------------------------------------------------------------ what else happens */

#if HELD > 0
/* A replica's worker that stood still goes on, or whoever kept a ballot back has it recorded. */
proctype Withholder() {
  byte k;
end:
  do
  :: atomic {
       held ->
       choose(k, held);
       d_step {
         held = held & ~BIT(k);
         printf("the kept copy of ballot %c, number %d, is recorded at %d/%d\n", 65 + BALLOT_IN(k), NUMBER_IN(k), HOME(OWNER(BALLOT_IN(k))), end_of[HOME(OWNER(BALLOT_IN(k)))]);
         append(HOME(OWNER(BALLOT_IN(k))), RECORD(k));
         k = 0
       }
     }
  od
}
#endif

#ifdef SIGN_UNASKED
proctype DeviceLeftAlone() {
  byte b;
end:
  do
  :: atomic {
       left_alone ->
       choose(b, left_alone);
       d_step {
         left_alone = left_alone & ~BIT(b);
         nothing_read(true); read_on(HOME(OWNER(b)), 0, end_of[HOME(OWNER(b))]);
         if
         :: f_last[OWNER(b)] > 0 && !f_closed && !(f_seen & BIT(b)) ->
            printf("the device that was left alone signs ballot %c anew, number %d\n", 65 + b, f_last[OWNER(b)] + 1);
            append(HOME(OWNER(b)), RECORD(STATEMENT(b, f_last[OWNER(b)] + 1)))
         :: else
         fi;
         b = 0; done_reading()
       }
     }
  od
}
#endif

/* With a replica, the requests that it works on are lost. An idle one has nothing to lose but its place in the log. */
#ifdef NO_MARKER_AT_START
#define MAY_CRASH(r) true
#else
#define MAY_CRASH(r) (working[0] == r || working[CREDENTIALS - 1] == r)
#endif

proctype Replica(byte r) {
  byte p;
end:
  do
  :: atomic {
       crashes > 0 && MAY_CRASH(r) -> crashes--;
       printf("replica %d dies and starts anew\n", r);
#ifdef NO_MARKER_AT_START
       do
       :: p < PARTITIONS && BEGAN(r, p) < end_of[p] -> BEGAN(r, p) = BEGAN(r, p) + 1 /* @ReadBack.run */
       :: p < PARTITIONS -> printf("replica %d reads partition %d from %d on\n", r, p, BEGAN(r, p)); p++
       :: p == PARTITIONS -> break
       od;
       p = 0;
#endif
       do
       :: p < CREDENTIALS -> working[p] = (working[p] == r -> LOST : working[p]); p++
       :: p == CREDENTIALS -> break
       od;
       p = 0
     }
  od
}

proctype Closer() {
  byte p, tables;
  bool is_marked;
  atomic { MAY_CLOSE -> closed_known = true; printf("the election is closed\n") }
again:
  do
  :: p < PARTITIONS ->
     atomic {
       somewhere(tables, READABLE(p, ANY_REPLICA_IS_NEWER));
       d_step { nothing_read(true); read_on(p, 0, tables); tables = 0; is_marked = f_closed; done_reading() } /* @unmarked_elections */
       if
       :: !is_marked -> printf("the marker is written at %d/%d\n", p, end_of[p]); append(p, MARKER) /* @BoxCloser._write_markers */
       :: else
       fi;
#ifdef PROGRESS
       box_marked = box_marked | BIT(p);
#endif
       is_marked = false; p++
     }
#ifdef CLOSE_ONCE
  :: atomic { p > 0 && crashes > 0 -> crashes--; p = 0; printf("the replica that closes the box dies\n"); break }
#else
  :: atomic { p > 0 && crashes > 0 -> crashes--; p = 0; printf("the replica that closes the box dies\n"); goto again } /* @BoxCloser.run */
#endif
  :: p == PARTITIONS -> break
  od
}

/* ------------------------------------------------------------------------------------------------------- the sequencer, and its log */

byte entry[ENTRIES];               /* the public log: places of records */
byte entries;
byte marked;                       /* partitions whose marker is in it, as bits */
byte leader;                       /* who was the last to fence: the transactional id is its */
byte takeovers = TAKEOVERS;
#define ENTRY(p, o) ((p) * RECORDS + (o) + 1)
#define PARTITION_OF(e) (((e) - 1) / RECORDS)
#define OFFSET_OF(e) (((e) - 1) % RECORDS)

/* An entry is there with its transaction or not at all. And what is claimed about it. */
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
  entry[entries] = ENTRY(p, o); entries++; /* @TransactionalProducer.publish_all */
  if
  :: IS_MARKER(AT(p, o)) -> marked = marked | BIT(p); printf("sequencer %d logs the marker at %d/%d\n", me, p, o)
  :: else -> printf("sequencer %d logs ballot %c, number %d, at %d/%d\n", me, 65 + BALLOT_OF(AT(p, o)), NUMBER_OF(AT(p, o)), p, o)
  fi
}

/* The next record of a partition. */
inline take(p) {
  nothing_read(IS_NEWER(SEQUENCER_READER));
  f_seen = seen; f_closed = closed[p]; f_last[0] = last[0]; f_last[CREDENTIALS - 1] = last[CREDENTIALS - 1];
  admit(AT(p, next[p])); /* @Sequencer._take */
  f_i = (f_closed != closed[p] || f_seen != seen);
  seen = f_seen; closed[p] = f_closed; last[0] = f_last[0]; last[CREDENTIALS - 1] = f_last[CREDENTIALS - 1];
  if
  :: f_i -> log_entry(p, next[p])
  :: else -> printf("sequencer %d passes by what stands at %d/%d\n", me, p, next[p])
  fi;
  next[p]++;
  c_i = 0; done_reading()
}

inline forget() {
  seen = 0;
  next[0] = 0; closed[0] = false; last[0] = 0;
  next[PARTITIONS - 1] = 0; closed[PARTITIONS - 1] = false; last[CREDENTIALS - 1] = 0
}

/* What the log itself tells a new leader. */
inline load() {
  forget();
  c_i = 0;
  do
  :: c_i < entries ->
     f_i = PARTITION_OF(entry[c_i]);
     next[f_i] = OFFSET_OF(entry[c_i]) + 1; /* @next_offsets */
     f_y = AT(f_i, OFFSET_OF(entry[c_i]));
     if
     :: IS_MARKER(f_y) -> closed[f_i] = true
     :: else -> seen = seen | BIT(BALLOT_OF(f_y)); last[OWNER(BALLOT_OF(f_y))] = NUMBER_OF(f_y) /* @sequenced */
     fi;
     c_i++
  :: else -> break
  od;
  c_i = 0; done_reading()
}

#ifdef NO_FENCE
#define MAY_WRITE true
#else
#define MAY_WRITE (leader == me) /* @TransactionalProducer.start */
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
       MAY_LEAD && (leader == 0 || takeovers > 0) -> /* the lock alone makes nothing safe @leadership */
       takeovers = takeovers - (leader != 0);
       leader = me;
       printf("sequencer %d fences every other\n", me)
     };
#ifndef LOAD_BEFORE_FENCE
     d_step { load() }; /* @Sequencer._sequence */
#endif
end_leading:
     do
     :: d_step { MAY_WRITE && next[0] < READABLE(0, IS_NEWER(SEQUENCER_READER)) -> take(0) }
#if PARTITIONS > 1
     :: d_step { MAY_WRITE && next[1] < READABLE(1, IS_NEWER(SEQUENCER_READER)) -> take(1) }
#endif
     :: d_step { leader != me -> forget() } -> break
     :: d_step { leader == me && crashes > 0 -> crashes--; leader = 0; forget(); printf("sequencer %d dies\n", me) } -> break
     od
  od
}

/* --------------------------------------------------------------------------------------------------------------- tally, the archive */

#ifdef COUNT_AT_ONE_MARKER
#define IS_COMPLETE (marked != 0)
#else
#define IS_COMPLETE (marked == BIT(PARTITIONS) - 1) /* @box_complete_at */
#endif

inline count() {
  f_seen = 0; /* the partitions whose marker has been passed */
  c_i = 0;
  do
  :: c_i < entries && f_seen != marked ->
     f_y = AT(PARTITION_OF(entry[c_i]), OFFSET_OF(entry[c_i]));
     if
     :: IS_MARKER(f_y) -> f_seen = f_seen | BIT(PARTITION_OF(entry[c_i]))
     :: !IS_MARKER(f_y) && (f_y & NEWER) && !IS_NEWER(TALLY_READER) /* taken for poison, as above */
     :: else ->
        archived = archived | BIT(BALLOT_OF(f_y)); /* @archive_bytes */
        counted[OWNER(BALLOT_OF(f_y))] = BALLOT_OF(f_y) /* @counted_ballots */
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
     if
     :: told_closed & BIT(c_i) -> demand_not_counted(c_i)
     :: else
     fi;
     c_i++
  :: else -> break
  od;
  c_i = 0; done_reading()
}

/* What the tables say, and every replica, whatever its memory began with, once they have read everything. */
inline compare() {
  agreed_on = 0; k = 0;
  do
  :: k < PARTITIONS -> nothing_read(true); read_on(k, 0, end_of[k]); agreed_on = agreed_on | f_seen; k++ /* @_apply_ballots */
  :: else -> break
  od;
  all_readers_agree = agreed_on == archived;
  assert(all_readers_agree);
  c_i = 0;
  do
  :: c_i < REPLICAS ->
     agreed_on = 0; k = 0;
     do
     :: k < PARTITIONS -> history(c_i, k, BEGAN(c_i, k), end_of[k]); agreed_on = agreed_on | f_seen; k++
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
  atomic { IS_COMPLETE && CAN_READ_ALL(IS_NEWER(TALLY_READER)) -> d_step { count() } }; /* @encrypted_tally */
#ifndef WITHOUT_COMPARING
  atomic { CAN_READ_ALL(ALL_ARE_NEWER) -> d_step { compare() } }
#endif
}

/* ------------------------------------------------------------------------------------------------------ two releases, side by side */

#ifdef RELEASES
#ifdef SET_TOO_EARLY
#define MAY_SET true               /* whoever runs the deployment errs */
#define MAY_ROLL_BACK true
#else
#define MAY_SET ALL_ARE_NEWER      /* @KafkaSettings */
#define MAY_ROLL_BACK !write_newer
#endif

/* Whatever changes its release is started anew. */
inline restart(reader) {
  newer = newer ^ BIT(reader);
  if
  :: reader < REPLICAS -> working[0] = (working[0] == reader -> LOST : working[0])
  :: reader == SEQUENCER_READER -> leader = 0
  :: else
  fi;
  printf("reader %d is of release %d now\n", reader, IS_NEWER(reader));
  reader = 0
}

proctype Fleet() {
  byte reader;
end:
  do
  :: atomic { !ALL_ARE_NEWER -> choose(reader, (BIT(READERS) - 1) & ~newer); d_step { restart(reader) } }
  :: atomic { newer && rollbacks > 0 && MAY_ROLL_BACK -> rollbacks--; choose(reader, newer); d_step { restart(reader) } }
  :: d_step { !write_newer && MAY_SET -> write_newer = true; printf("the newer form is to be written\n") }
  od
}
#endif

init {
  byte n;
  atomic {
    for (n : 0 .. CREDENTIALS - 1) { working[n] = NOBODY; run Voter(n) }
#if CRASHES > 0
    for (n : 0 .. REPLICAS - 1) { run Replica(n) }
#endif
#if HELD > 0
    run Withholder();
#endif
#ifdef SIGN_UNASKED
    run DeviceLeftAlone();
#endif
#ifdef RELEASES
    run Fleet();
#endif
    run Closer();
    run Sequencer(1);
#if TAKEOVERS > 0
    run Sequencer(2);
#endif
    run Tally();
    n = 0
  }
}

#ifdef PROGRESS
ltl progress { <> (is_agreed && answered == CREDENTIALS) }
#endif
