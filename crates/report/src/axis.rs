//! From values to places, and the marks on the way.

use redyn_core::TimeAxis;

use crate::number;

/// An axis of a plot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// What it shows, with its unit.
    pub(crate) label: String,
    pub(crate) ticks: Ticks,
    /// Values that must be in view.
    pub(crate) include: Vec<f64>,
}

/// Where an axis is marked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ticks {
    /// At round numbers.
    Round,
    /// At round numbers, printed as percentages.
    Percent,
    /// At whole numbers only.
    Whole,
    /// At whole numbers only, which are steps of the trajectory.
    Steps,
    /// At round times; steps 0, 1, 2, ... are at these times.
    Times(Vec<f64>),
    /// At 0, 1, 2, ..., by name.
    Names(Vec<String>),
}

/// Where values of an axis are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) values: [f64; 2],
    pub(crate) places: [f64; 2],
}

impl Axis {
    /// An axis marked at round numbers. A unit is put in brackets behind the label.
    pub(crate) fn new(label: &str, unit: &str) -> Self {
        let label = if unit.is_empty() { label.to_owned() } else { format!("{label} ({unit})") };
        Self { label, ticks: Ticks::Round, include: Vec::new() }
    }

    /// The axis of steps.
    pub(crate) fn steps(n_steps: usize) -> Self {
        Self {
            label: "step t".into(),
            ticks: Ticks::Steps,
            include: vec![0.0, n_steps.saturating_sub(1) as f64],
        }
    }

    /// The axis with steps at times, if it is one of steps.
    pub(crate) fn in_time(&mut self, time: &TimeAxis) {
        // Changes have one step less than the trajectory.
        let last = self.include.iter().copied().fold(0.0, f64::max);
        if self.ticks == Ticks::Steps && last < time.times.len() as f64 {
            self.label = format!("time ({})", time.unit);
            self.ticks = Ticks::Times(time.times.clone());
        }
    }

    pub(crate) fn ticks(self, ticks: Ticks) -> Self {
        Self { ticks, ..self }
    }

    pub(crate) fn including(mut self, value: f64) -> Self {
        self.include.push(value);
        self
    }

    /// First and last value shown, for data in a range.
    pub(crate) fn range(&self, data: impl Iterator<Item = f64>) -> [f64; 2] {
        if let Ticks::Names(names) = &self.ticks {
            return [-0.5, names.len() as f64 - 0.5];
        }
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in data.chain(self.include.iter().copied()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            return [0.0, 1.0];
        }
        let room = if high > low { 0.05 * (high - low) } else { 0.5 * high.abs().max(1e-3) };
        // Nothing is drawn beyond a limit that was asked for.
        let limit = |value: f64| self.include.contains(&value) && high > low;
        let counted = matches!(self.ticks, Ticks::Whole | Ticks::Steps | Ticks::Times(_));
        let (below, above) = if counted { (0.35, 0.35) } else { (room, room) };
        [
            if limit(low) && !counted { low } else { low - below },
            if limit(high) && !counted { high } else { high + above },
        ]
    }

    /// Marked values with their words, about `wanted` of them.
    pub(crate) fn marks(&self, [low, high]: [f64; 2], wanted: usize) -> Vec<(f64, String)> {
        if let Ticks::Names(names) = &self.ticks {
            return names.iter().enumerate().map(|(index, name)| (index as f64, name.clone())).collect();
        }
        if let Ticks::Times(times) = &self.ticks {
            return time_marks(times, [low, high], wanted);
        }
        let mut step = round_step((high - low) / wanted.max(1) as f64);
        if matches!(self.ticks, Ticks::Whole | Ticks::Steps) {
            step = step.max(1.0).round();
        }
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let shown = if self.ticks == Ticks::Percent { 100.0 * step } else { step };
        let decimals = (-shown.log10() - 1e-9).ceil().max(0.0) as usize;
        (first..=last)
            .map(|index| {
                let value = index as f64 * step;
                let shown = if self.ticks == Ticks::Percent { 100.0 * value } else { value };
                let shown = if shown == 0.0 { 0.0 } else { shown };
                (value, format!("{shown:.decimals$}").replace('-', "−"))
            })
            .collect()
    }
}

/// Round times, where they fall between steps.
fn time_marks(times: &[f64], [low, high]: [f64; 2], wanted: usize) -> Vec<(f64, String)> {
    let first = (low.ceil().max(0.0) as usize).min(times.len() - 1);
    let last = (high.floor().max(0.0) as usize).min(times.len() - 1);
    if !times.is_sorted_by(|a, b| a < b) || first == last {
        return (first..=last).map(|step| (step as f64, number::significant(times[step], 4))).collect();
    }
    // Words of several digits take more room than steps do.
    let axis = Axis::new("", "");
    let round = axis.marks([times[first], times[last]], (wanted / 2).clamp(2, 10));
    let place = |time: f64| {
        let after = times.partition_point(|&other| other < time).clamp(first + 1, last);
        let (from, to) = (times[after - 1], times[after]);
        (after - 1) as f64 + (time - from) / (to - from)
    };
    round.into_iter().map(|(time, words)| (place(time), words)).collect()
}

/// The round number (1, 2 or 5 times a power of ten) next above.
fn round_step(raw: f64) -> f64 {
    let decade = 10_f64.powf(raw.log10().floor());
    let share = raw / decade;
    let round = [1.0, 2.0, 5.0].into_iter().find(|&round| share <= round + 1e-9).unwrap_or(10.0);
    round * decade
}

impl Scale {
    pub(crate) fn place(self, value: f64) -> f64 {
        let [low, high] = self.values;
        let [from, to] = self.places;
        from + (to - from) * (value - low) / (high - low)
    }
}

/// A value as it reads in a hint, with its interval where there is one.
pub(crate) fn spoken(value: f64, interval: Option<(f64, f64)>) -> String {
    let value = number::significant(value, 3);
    match interval {
        Some((low, high)) => {
            format!("{value} [{}, {}]", number::significant(low, 3), number::significant(high, 3))
        }
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(axis: &Axis, range: [f64; 2]) -> Vec<String> {
        axis.marks(range, 5).into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn marks_are_round() {
        assert_eq!(words(&Axis::new("x", ""), [-0.013, 0.021]), ["−0.01", "0.00", "0.01", "0.02"]);
        assert_eq!(words(&Axis::new("x", ""), [0.0, 47.0]), ["0", "10", "20", "30", "40"]);
        let percent = Axis::new("x", "").ticks(Ticks::Percent);
        assert_eq!(words(&percent, [0.0, 0.55]), ["0", "20", "40"]);
        assert_eq!(words(&Axis::steps(3), [-0.3, 2.3]), ["0", "1", "2"]);
    }

    #[test]
    fn times_stand_between_the_steps_they_fall_between() {
        let time = TimeAxis { unit: "ms".into(), times: vec![-50.0, 0.0, 100.0, 150.0] };
        let mut axis = Axis::steps(4);
        axis.in_time(&time);
        assert_eq!(axis.label, "time (ms)");
        let marks = axis.marks([-0.35, 3.35], 10);
        let expected = [(0.0, "−50"), (1.0, "0"), (1.5, "50"), (2.0, "100"), (3.0, "150")];
        assert_eq!(marks, expected.map(|(place, words)| (place, words.to_owned())));
        let mut relative = Axis { ticks: Ticks::Whole, ..Axis::steps(4) };
        relative.in_time(&time);
        assert_eq!(relative.ticks, Ticks::Whole);
    }

    #[test]
    fn a_single_value_still_has_an_axis() {
        let [low, high] = Axis::new("x", "").range([3.0].into_iter());
        assert!(low < 3.0 && high > 3.0);
        let [low, high] = Axis::new("x", "").range(std::iter::empty());
        assert!(low < high);
    }

    #[test]
    fn a_limit_asked_for_is_where_the_axis_ends() {
        let range = Axis::new("x", "").including(0.0).range([0.2, 1.0].into_iter());
        assert_eq!(range[0], 0.0);
        assert!(range[1] > 1.0);
    }
}
