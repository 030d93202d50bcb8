//! `redyn merge`.

use super::print_path;
use crate::Failure;
use crate::args::MergeArgs;

pub(super) fn run(args: &MergeArgs) -> Result<(), Failure> {
    redyn_store::complete(&args.store)?;
    print_path(&args.store)
}
