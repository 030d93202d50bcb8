//! The sixteen classes and how they are related.

use redyn_core::Hierarchy;

use super::models::{self, Build};

/// One class: its names, its builder, and from where it is looked at.
pub(super) struct Class {
    pub(super) name: &'static str,
    superordinate: &'static str,
    basic: &'static str,
    pub(super) build: Build,
    /// Largest turn away from the typical view, degrees.
    pub(super) yaw: f64,
    /// Camera height, degrees above the horizon: least and most.
    pub(super) pitch: (f64, f64),
    /// Whether it is as often seen from the other side.
    pub(super) two_sided: bool,
}

const fn class(name: &'static str, superordinate: &'static str, basic: &'static str, build: Build) -> Class {
    Class { name, superordinate, basic, build, yaw: 50.0, pitch: (4.0, 28.0), two_sided: true }
}

/// All classes, in the order of their labels.
pub(super) const CLASSES: [Class; 16] = [
    class("heron", "animal", "bird", models::heron),
    class("duck", "animal", "bird", models::duck),
    class("tiger", "animal", "big cat", models::tiger),
    class("leopard", "animal", "big cat", models::leopard),
    class("hatchback", "vehicle", "car", models::hatchback),
    class("pickup", "vehicle", "car", models::pickup),
    Class { yaw: 60.0, pitch: (10.0, 50.0), ..class("airliner", "vehicle", "aeroplane", models::airliner) },
    Class { yaw: 60.0, pitch: (10.0, 50.0), ..class("biplane", "vehicle", "aeroplane", models::biplane) },
    Class { yaw: 180.0, ..class("pine", "plant", "tree", models::pine) },
    Class { yaw: 180.0, ..class("oak", "plant", "tree", models::oak) },
    Class { two_sided: false, ..class("daisy", "plant", "flower", models::daisy) },
    Class { two_sided: false, ..class("tulip", "plant", "flower", models::tulip) },
    Class { yaw: 180.0, pitch: (8.0, 35.0), ..class("stool", "furniture", "seat", models::stool) },
    Class {
        two_sided: false,
        pitch: (8.0, 35.0),
        ..class("armchair", "furniture", "seat", models::armchair)
    },
    Class { yaw: 180.0, ..class("floor lamp", "furniture", "lamp", models::floor_lamp) },
    class("desk lamp", "furniture", "lamp", models::desk_lamp),
];

/// How the classes of the built-in stimuli are related: superordinate, basic.
pub fn hierarchy() -> Hierarchy {
    Hierarchy {
        levels: vec!["superordinate".into(), "basic".into()],
        groups: CLASSES.iter().map(|class| vec![class.superordinate.into(), class.basic.into()]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_basic_group_has_two_classes_and_every_superordinate_two_groups() {
        let groups = hierarchy().groups;
        for pair in groups.chunks(2) {
            assert_eq!(pair[0], pair[1]);
        }
        for four in groups.chunks(4) {
            assert!(four.iter().all(|group| group[0] == four[0][0]));
            assert_ne!(four[0][1], four[2][1]);
        }
    }
}
