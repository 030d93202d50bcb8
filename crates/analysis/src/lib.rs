//! What representations do over time: one file per analysis, every number with an interval.
