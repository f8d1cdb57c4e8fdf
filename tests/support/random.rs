//! Random numbers that a seed decides.

use std::env;

/// splitmix64: any seed is as good as another.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A place among `count`; 0 if there is none.
    pub fn place(&mut self, count: usize) -> usize {
        self.below(count.max(1) as u64) as usize
    }

    /// A number of these, both ends included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True once in `count` times.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// One of these.
    pub fn of<'t, T>(&mut self, among: &'t [T]) -> &'t T {
        &among[self.place(among.len())]
    }
}

/// The seed of the run `at` of those that begin with `seed`: run 0 has that seed itself. Runs of
/// seeds that are near each other are far apart.
pub fn seed_of_run(seed: u64, at: u64) -> u64 {
    seed.wrapping_add(at.wrapping_mul(0xd134_2543_de82_ef95))
}

/// A number from the environment, which chooses another run or one of them again.
pub fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} wants a number, not '{text}'")))
}
