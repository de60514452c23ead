//! Random numbers that can be had again, and how long a test goes on.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Reproducible numbers (splitmix64): a failing seed is printed, and is all that is needed to see it again.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// One turn after the other, until the time of `FUZZ_SECONDS` is over; so many at least.
pub struct Watch {
    least: usize,
    turns: usize,
    ends: Instant,
}

impl Watch {
    /// With numbers of the seed in `FUZZ_SEED`, or of the moment.
    pub fn begin(least: usize) -> (Numbers, Self) {
        let given = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        let seed = given("FUZZ_SEED").unwrap_or(now);
        println!("FUZZ_SEED={seed}");
        let time = Duration::from_secs(given("FUZZ_SECONDS").unwrap_or(0));
        (Numbers(seed), Self { least, turns: 0, ends: Instant::now() + time })
    }
}

impl Iterator for Watch {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.turns += 1;
        let goes_on = self.turns <= self.least || Instant::now() < self.ends;
        if !goes_on {
            println!("{} turns", self.turns - 1);
        }
        goes_on.then_some(self.turns)
    }
}
