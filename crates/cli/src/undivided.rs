//! What all parts of some work have in common.

/// The command that all parts of some work have in common, wherever each of them runs.
pub(crate) fn undivided(words: &[String]) -> Vec<String> {
    let mut kept = vec!["redyn".to_owned()];
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        match word.strip_prefix("--shard") {
            Some("") => drop(words.next()),
            Some(value) if value.starts_with('=') => {}
            _ => kept.push(word.clone()),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_have_one_command() {
        for line in ["bin/redyn unroll a --shard 1/4 --out b", "redyn unroll --shard=1/4 a --out b"] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(undivided(&words).join(" "), "redyn unroll a --out b");
        }
    }
}
