//! The program as a person meets it: what it prints, what it refuses, what survives it.

mod analysis_shards;
mod any_machine;
mod bad_input;
mod bad_stores;
mod checkpoints;
mod common;
mod companions;
mod devices;
mod full_disk;
mod interrupted;
mod out_of_core;
mod output;
mod pretrained;
mod recordings;
mod reproduce;
mod reproduce_geometry;
mod reproduce_published;
mod shards;
mod slurm;
mod stability;
