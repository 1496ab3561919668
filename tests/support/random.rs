//! A small pseudo-random generator with a fixed seed (xorshift64*): every run gets the same values.

pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, end: usize) -> usize {
        // The upper bits have the better statistical quality.
        usize::try_from(self.next() >> 33).unwrap() % end.max(1)
    }

    #[allow(dead_code, reason = "each test file uses its own part")]
    pub fn bytes(&mut self, max_length: usize) -> Vec<u8> {
        (0..self.below(max_length))
            .map(|_| self.next() as u8)
            .collect()
    }
}
