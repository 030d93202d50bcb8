//! One of several parts of some work, done side by side.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// One of several parts of some work that others do at the same time, perhaps on other machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    index: usize,
    of: usize,
}

impl Shard {
    /// All of the work.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Part `index`, counted from 0, of `of` parts, if there is one.
    pub const fn new(index: usize, of: usize) -> Option<Self> {
        if index < of { Some(Self { index, of }) } else { None }
    }

    /// Whether it is all of the work.
    pub fn is_whole(self) -> bool {
        self == Self::WHOLE
    }

    /// This part's share of `n` pieces: a run of neighbours, `⌊n·index / of⌋ .. ⌊n·(index + 1) / of⌋`.
    pub fn share(self, n: usize) -> Range<usize> {
        let bound = |index: usize| (n as u128 * index as u128 / self.of as u128) as usize;
        bound(self.index)..bound(self.index + 1)
    }
}

/// `index/of`, as it is read.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (index, of) = text.split_once('/').ok_or("write I/N, parts counted from 0: 0/4")?;
        let number = |text: &str| text.trim().parse().map_err(|_| format!("`{text}` is no whole number"));
        let (index, of) = (number(index)?, number(of)?);
        Self::new(index, of).ok_or_else(|| match of {
            0 => "there is at least one part: 0/1".into(),
            _ => format!("parts are counted from 0: the last of {of} is {}/{of}", of - 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_one_another_and_differ_by_one_at_most() {
        for n in 0..40 {
            for of in 1..12 {
                let shares: Vec<_> = (0..of).map(|index| Shard::new(index, of).unwrap().share(n)).collect();
                assert_eq!((shares[0].start, shares[of - 1].end), (0, n));
                assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start));
                let lengths = shares.iter().map(Range::len);
                assert!(lengths.clone().max().unwrap() - lengths.min().unwrap() <= 1, "{n} in {of}");
            }
        }
        assert_eq!(Shard::WHOLE.share(usize::MAX), 0..usize::MAX);
    }

    #[test]
    fn a_shard_reads_what_it_writes_and_says_what_is_wrong() {
        let read = |text: &str| text.parse::<Shard>();
        assert_eq!(read("3/4").unwrap().to_string(), "3/4");
        assert!(read("0/1").unwrap().is_whole() && !read("0/2").unwrap().is_whole());
        assert_eq!(read("4/4").unwrap_err(), "parts are counted from 0: the last of 4 is 3/4");
        assert_eq!(read("0/0").unwrap_err(), "there is at least one part: 0/1");
        assert_eq!(read("x/4").unwrap_err(), "`x` is no whole number");
        assert_eq!(read("3").unwrap_err(), "write I/N, parts counted from 0: 0/4");
    }
}
