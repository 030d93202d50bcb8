//! Numbers as people read them.

/// A number with some significant digits and a true minus sign: `0.0123`, `−4.57`, `1230`.
pub(crate) fn significant(value: f64, digits: u8) -> String {
    plain(value, digits).replace('-', "−")
}

/// The same with an ASCII minus, as scripts read it. Not in scientific notation.
pub(crate) fn plain(value: f64, digits: u8) -> String {
    if value == 0.0 {
        return "0".into();
    }
    // Rounding may carry into another decade (9.996): let the formatter decide.
    let scientific = format!("{value:.*e}", usize::from(digits) - 1);
    let exponent: i64 = scientific.rsplit_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let decimals = (i64::from(digits) - 1 - exponent).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    if text.trim_matches(['-', '0', '.']).is_empty() { "0".into() } else { text }
}

/// A p-value: two significant digits, no trailing zeros.
pub(crate) fn probability(p: f64) -> String {
    let text = plain(p, 2);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A coordinate: two decimals at most, no trailing zeros.
pub(crate) fn coordinate(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text.is_empty() { "0".into() } else { text.to_owned() }
}

/// A share as a percentage with one decimal.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share).replace('-', "−")
}

/// A count with narrow spaces between thousands.
pub(crate) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 image`, `12 images`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    let plural = match noun {
        "class" => "classes".to_owned(),
        noun => format!("{noun}s"),
    };
    format!("{} {}", count(n), if n == 1 { noun } else { &plural })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_significant_digits() {
        for (value, expected) in [
            (0.012_345, "0.0123"),
            (-4.5678, "−4.57"),
            (1234.5, "1234"),
            (9.996, "10.0"),
            (0.0, "0"),
            (-0.0, "0"),
        ] {
            assert_eq!(significant(value, 3), expected);
        }
        assert_eq!(coordinate(-0.001), "0");
        assert_eq!(coordinate(12.50), "12.5");
        assert_eq!(percent(0.1234), "12.3 %");
        assert_eq!([0.001, 0.0123, 1.0].map(probability), ["0.001", "0.012", "1"]);
    }

    #[test]
    fn counts_are_grouped_and_agree_with_their_noun() {
        assert_eq!(count(12_418), "12\u{2009}418");
        assert_eq!(count(1000), "1000");
        assert_eq!(counted(1, "class"), "1 class");
        assert_eq!(counted(16, "class"), "16 classes");
    }
}
