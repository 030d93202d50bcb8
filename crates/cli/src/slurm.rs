//! What a Slurm job says of itself in its environment.

use redyn_core::Shard;

/// The part of the work that `--shard` names: `I/N`, or that of this task of a job array.
pub(crate) fn shard(text: &str) -> Result<Shard, String> {
    if text == "slurm" { task(|name| std::env::var(name).ok()) } else { text.parse() }
}

/// Processors that a job was given for each of its tasks.
pub(crate) fn processors() -> Option<usize> {
    std::env::var("SLURM_CPUS_PER_TASK").ok()?.parse().ok()
}

/// This task among those of its job array, which may begin anywhere and go by steps.
fn task(said: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let number = |name: &str| -> Result<Option<usize>, String> {
        let unreadable = |text: &str| format!("{name} is `{text}`, which is no whole number");
        said(name).map(|text| text.parse().map_err(|_| unreadable(&text))).transpose()
    };
    let absent = |name: &str| format!("{name} is not set: this is no task of a Slurm job array");
    let id = number("SLURM_ARRAY_TASK_ID")?.ok_or_else(|| absent("SLURM_ARRAY_TASK_ID"))?;
    let count = number("SLURM_ARRAY_TASK_COUNT")?.ok_or_else(|| absent("SLURM_ARRAY_TASK_COUNT"))?;
    let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
    let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
    let place = id.checked_sub(first).filter(|place| place.is_multiple_of(step));
    place.and_then(|place| Shard::new(place / step, count)).ok_or_else(|| {
        format!("task {id} has no place among {count} from {first}: give an array with gaps its parts as I/N")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The environment of a task of `--array=FIRST-LAST:STEP`.
    fn of(id: &str, count: &str, first: Option<&str>, step: Option<&str>) -> Result<String, String> {
        let said = |name: &str| match name {
            "SLURM_ARRAY_TASK_ID" => Some(id.to_owned()),
            "SLURM_ARRAY_TASK_COUNT" => Some(count.to_owned()),
            "SLURM_ARRAY_TASK_MIN" => first.map(str::to_owned),
            "SLURM_ARRAY_TASK_STEP" => step.map(str::to_owned),
            _ => None,
        };
        task(said).map(|shard| shard.to_string())
    }

    #[test]
    fn a_task_knows_its_part_wherever_its_array_begins() {
        assert_eq!(of("3", "4", None, None).unwrap(), "3/4");
        assert_eq!(of("3", "4", Some("0"), Some("1")).unwrap(), "3/4");
        assert_eq!(of("1", "4", Some("1"), Some("1")).unwrap(), "0/4");
        assert_eq!(of("10", "4", Some("4"), Some("2")).unwrap(), "3/4");
    }

    #[test]
    fn what_is_no_whole_array_is_refused() {
        let gap = "task 7 has no place among 3 from 1: give an array with gaps its parts as I/N";
        assert_eq!(of("7", "3", Some("1"), None).unwrap_err(), gap);
        assert!(of("5", "4", Some("4"), Some("2")).is_err());
        assert_eq!(
            of("x", "3", None, None).unwrap_err(),
            "SLURM_ARRAY_TASK_ID is `x`, which is no whole number"
        );
        let error = task(|_| None).unwrap_err();
        assert_eq!(error, "SLURM_ARRAY_TASK_ID is not set: this is no task of a Slurm job array");
    }
}
