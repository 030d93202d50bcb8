//! Stores and tables that networks are compared to.

use crate::common::{DATA, Room};

#[test]
fn a_control_that_saw_other_images_is_refused() {
    let room = Room::with_store();
    room.fine("unroll run --steps 1 --name once --out once.zarr");
    room.fine("unroll run --steps 1 --name few --limit 8 --out few.zarr");
    let said = room.say("analyze a.zarr once.zarr --replicates 10");
    assert_eq!(said.code, Some(0), "{said:?}");
    let tables = room.files("results");
    let table = tables.iter().find(|(name, _)| name.ends_with("feedforward_norm.csv")).unwrap().1;
    assert!(table.windows(14).any(|bytes| bytes == b"once,spearman,"), "{tables:?}");
    let hint = room.mistake(
        "analyze a.zarr few.zarr --replicates 10",
        "few.zarr has one step, so it is a feedforward control, but it saw other images than a.zarr",
    );
    assert_eq!(hint, "unroll it on the same data, with the same --split and --limit");
}

#[test]
fn a_run_with_cut_edges_is_a_lesion_of_the_intact_one() {
    let room = Room::with_store();
    room.fine("unroll run --steps 3 --cut it.lateral@1.. --out cut.zarr");
    room.fine("analyze cut.zarr a.zarr --replicates 10");
    let tables = room.files("results");
    let networks = tables.keys().filter(|name| name.ends_with("accuracy.csv")).count();
    assert_eq!(networks, 1, "the lesioned run is there to be compared to");
    let table = tables.iter().find(|(name, _)| name.ends_with("lesion.csv")).unwrap().1;
    let table = String::from_utf8(table.clone()).unwrap();
    assert!(table.contains("it.lateral@1..,corrections_lost,"), "{table}");
    // Alone it is what is to be looked at.
    room.fine("analyze cut.zarr --replicates 10 --out alone");
    assert!(room.files("alone").keys().any(|name| name.ends_with("accuracy.csv")));
}

#[test]
fn properties_are_measured_and_belong_to_their_images() {
    let room = Room::with_store();
    room.fine(&format!("data properties {DATA} --image-size 16 --out test.csv"));
    room.fine(&format!("data properties {DATA} --image-size 16 --split val --out val.csv"));
    let table = String::from_utf8(room.read("test.csv")).unwrap();
    assert!(table.starts_with("image,class,rms_contrast,edge_density,"), "{table}");
    assert_eq!(table.lines().count(), 33);
    room.fine("analyze a.zarr --properties test.csv --only image_properties --replicates 10");
    let hint = room
        .mistake("analyze a.zarr --properties val.csv --replicates 10", "val.csv holds no image `test/0`");
    assert!(hint.starts_with("measure the split that was unrolled"), "{hint}");
}
