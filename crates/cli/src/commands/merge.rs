//! `redyn merge`.

use super::{in_parts, print_path};
use crate::Failure;
use crate::args::MergeArgs;
use crate::console::Console;
use crate::parts::PartsFolder;

pub(super) fn run(args: &MergeArgs, console: &Console) -> Result<(), Failure> {
    if PartsFolder::exists(&args.out) {
        return in_parts::merge(&args.out, console);
    }
    redyn_store::complete(&args.out)?;
    print_path(&args.out)
}
