//! Seeds that mean the same on every machine, thread count and order of work.
//!
//! Every random quantity of redyn is drawn from a [`Stream`] addressed by a seed and
//! a path of indices (epoch, image, replicate), never from a generator that several
//! consumers share: what one image gets cannot depend on who came before it.

/// The finaliser of splitmix64: a bijection of 64-bit words that mixes all bits.
pub const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random words: splitmix64 started at a mixed address.
#[derive(Clone, Debug)]
pub struct Stream(u64);

impl Stream {
    /// The stream at `path` under `seed`. Different paths give unrelated streams.
    pub fn new(seed: u64, path: &[u64]) -> Self {
        let start = path.iter().fold(mix(seed.wrapping_add(GOLDEN)), |state, &index| {
            mix(state.wrapping_mul(3).wrapping_add(mix(index.wrapping_add(GOLDEN))))
        });
        Self(start)
    }

    /// The next 64 random bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Normal with mean 0 and variance 1 (Box and Muller, from two uniform numbers each).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Uniform in `0..n` without bias (Lemire's method with rejection).
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "a draw from nothing");
        let n = n as u64;
        loop {
            let product = u128::from(self.word()) * u128::from(n);
            // The bound of what is rejected is below n: mostly there is nothing to divide.
            let low = product as u64;
            if low >= n || low >= n.wrapping_neg() % n {
                return (product >> 64) as usize;
            }
        }
    }

    /// A fair coin.
    pub fn coin(&mut self) -> bool {
        self.word() >> 63 == 1
    }

    /// Put `items` in uniformly random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_the_moments_of_the_normal_distribution() {
        let mut stream = Stream::new(3, &[]);
        let n = 100_000;
        let mut moments = [0.0; 4];
        for _ in 0..n {
            let x = stream.normal();
            moments.iter_mut().enumerate().for_each(|(k, sum)| *sum += x.powi(k as i32 + 1) / f64::from(n));
        }
        // Four standard errors: 1, 2, 15 and 96 are the variances of x, x², x³ and x⁴.
        for ((moment, expected), variance) in
            moments.iter().zip([0.0, 1.0, 0.0, 3.0]).zip([1.0, 2.0, 15.0, 96.0_f64])
        {
            assert!((moment - expected).abs() < 4.0 * (variance / f64::from(n)).sqrt(), "{moments:?}");
        }
    }

    #[test]
    fn a_stream_repeats_and_paths_differ() {
        let words = |path: &[u64]| {
            let mut stream = Stream::new(7, path);
            [stream.word(), stream.word(), stream.word()]
        };
        assert_eq!(words(&[1, 2]), words(&[1, 2]));
        assert_ne!(words(&[1, 2]), words(&[2, 1]));
        assert_ne!(words(&[0]), words(&[0, 0]));
        assert_ne!(words(&[]), words(&[0]));
    }

    #[test]
    fn draws_below_n_are_even() {
        let mut stream = Stream::new(1, &[]);
        let mut counts = [0_i32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7)] += 1;
        }
        // Standard deviation of a count is 93: five of them.
        assert!(counts.iter().all(|&count| (count - 10_000).abs() < 465), "{counts:?}");
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        Stream::new(3, &[]).shuffle(&mut items);
        assert_ne!(items[..5], [0, 1, 2, 3, 4]);
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
