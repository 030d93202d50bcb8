//! What a machine has, memory or threads, changes how fast a result is there and no byte of it.

use crate::common::{NETWORK, Room};

#[test]
fn neither_threads_nor_memory_change_a_byte_of_a_run_or_a_store() {
    let train = format!(
        "train {NETWORK} --data builtin:seed=2,train=96,val=32,test=48 --out run --epochs 2 --batch 40 --part 8 \
         --steps 3"
    );
    let machine = |threads: &str, memory: &str| {
        let room = Room::new();
        room.fine(&format!("{train} --threads {threads} --memory {memory}"));
        room.fine(&format!("unroll run --out a.zarr --threads {threads}"));
        let mut files = room.files("run");
        // The record holds the command, which differs.
        files.remove("record.json");
        let store = room.files("a.zarr").into_iter().filter(|(name, _)| !name.ends_with("zarr.json"));
        files.extend(store);
        files
    };
    let large = machine("3", "1G");
    // One part at a time, and images read again and again.
    let small = machine("1", "3M");
    assert!(large.contains_key("weights.safetensors") && large.len() > 6, "{:?}", large.keys());
    for (name, bytes) in &large {
        assert!(small.get(name) == Some(bytes), "{name} differs");
    }
}

#[test]
fn a_part_that_does_not_fit_is_refused_before_anything_is_done() {
    let room = Room::new();
    let (error, hint) =
        room.refused(2, &format!("train {NETWORK} --data builtin:train=32 --out run --memory 100K"));
    assert!(error.starts_with("a part of 32 images takes ") && error.ends_with("the budget is 100.0 KiB"));
    assert_eq!(hint, "lower --part, or raise --memory");
    assert!(!room.exists("run"));
}
