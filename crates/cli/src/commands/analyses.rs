//! `redyn analyses`.

use redyn_analysis::{ANALYSES, find};

use super::print_json;
use crate::Failure;
use crate::args::AnalysesCommand;
use crate::console::stdout;

pub(super) fn run(command: &AnalysesCommand) -> Result<(), Failure> {
    match command {
        AnalysesCommand::List { json: true } => {
            let listed: Vec<_> = ANALYSES
                .iter()
                .map(|entry| {
                    serde_json::json!({ "name": entry.name, "title": entry.title, "summary": entry.summary,
                        "description": entry.description, "reference": entry.reference })
                })
                .collect();
            print_json(&listed)
        }
        AnalysesCommand::List { json: false } => stdout(|out| {
            ANALYSES.iter().try_for_each(|entry| writeln!(out, "{:<20} {}", entry.name, entry.summary))
        }),
        AnalysesCommand::Show { name } => {
            let entry = find(name)?;
            let (name, title, about) = (entry.name, entry.title, entry.description);
            stdout(|out| writeln!(out, "{name}\n{title}\n\n{about}\n\nReference: {}", entry.reference))
        }
    }
}
