//! A number of bytes, as people say it.

use std::fmt;

/// A number of bytes that is displayed for people: `1023 B`, `1.5 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let power = (0..units.len() - 1).take_while(|power| self.0 >> (10 * (power + 1)) > 0).count();
        if power == 0 {
            return write!(f, "{} B", self.0);
        }
        let unit = (1_u64 << (10 * power)) as f64;
        write!(f, "{:.1} {}", self.0 as f64 / unit, units[power])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_unit_that_fits() {
        assert_eq!(Bytes(0).to_string(), "0 B");
        assert_eq!(Bytes(1023).to_string(), "1023 B");
        assert_eq!(Bytes(3 << 29).to_string(), "1.5 GiB");
        assert_eq!(Bytes(u64::MAX).to_string(), "16777216.0 TiB");
    }
}
