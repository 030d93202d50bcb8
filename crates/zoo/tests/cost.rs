//! The planner's exact savings on BLT networks, against the published layer table.

use redyn_network::{Plan, Request};

/// `[steps, published, saved]` with the readout asked for at every step.
const TABLE: &[(&str, usize, u64, u64)] = &[
    ("blt64:top_down=1", 10, 8_462_127_104, 1_358_954_496),
    ("blt64:top_down=1", 80, 71_901_937_664, 11_928_600_576),
    ("blt64", 10, 7_103_172_608, 1_358_954_496),
    ("blt64", 80, 59_973_337_088, 11_928_600_576),
    ("blt64:lateral=0,top_down=1", 10, 4_382_904_320, 1_358_954_496),
    ("blt64:lateral=0,top_down=1", 80, 36_095_426_560, 11_928_600_576),
    ("blt64:position=last", 10, 3_026_309_120, 2_717_908_992),
    ("blt64:position=last", 80, 24_187_535_360, 23_857_201_152),
    ("blt64:lateral=0", 10, 3_023_949_824, 3_023_949_824 - 305_580_032),
    ("blt64:lateral=0", 80, 24_166_825_984, 24_166_825_984 - 305_580_032),
    ("blt128:top_down=1", 10, 93_994_602_496, 15_099_494_400),
    ("blt128:top_down=1", 80, 798_659_608_576, 132_540_006_400),
    ("blt128", 10, 78_895_108_096, 15_099_494_400),
    ("blt128", 80, 666_119_602_176, 132_540_006_400),
];

#[test]
fn every_row_of_the_published_savings_comes_out_of_the_graph() {
    for &(spec, steps, published, saved) in TABLE {
        let graph = redyn_zoo::build(spec).unwrap().graph;
        let request = Request::readout(steps);
        let loop_cost = Plan::published(&graph, &request).unwrap().cost();
        let planned = Plan::new(&graph, &request).unwrap().cost();
        assert_eq!(loop_cost.per_image, published, "{spec}, {steps} steps: published loop");
        assert_eq!(published - planned.per_image, saved, "{spec}, {steps} steps: saved");
        assert_eq!(planned.per_model, 0, "{spec}: everything depends on the image");
    }
}

#[test]
fn the_last_readout_alone_saves_the_other_readouts() {
    let graph = redyn_zoo::build("blt64:top_down=1").unwrap().graph;
    let cost = |request: &Request| Plan::new(&graph, request).unwrap().cost().per_image;
    // The pooled average's lateral needs every step, so nothing but nine readouts can go.
    assert_eq!(cost(&Request::readout(10)) - cost(&Request::last_readout(10)), 9 * 51_200);
}

#[test]
fn memory_does_not_grow_with_steps() {
    for spec in ["blt64", "blt64:top_down=1", "blt64:top_down=1,interaction=multiplicative"] {
        let graph = redyn_zoo::build(spec).unwrap().graph;
        let memory = |steps| Plan::new(&graph, &Request::readout(steps)).unwrap().memory_per_image();
        assert_eq!(memory(10), memory(80), "{spec}");
    }
}

#[test]
fn parameters_are_as_many_as_published() {
    for (spec, count) in [
        ("blt64:top_down=1", 7_546_752),
        ("blt64", 5_998_464),
        ("blt64:lateral=0,top_down=1", 4_151_168),
        ("blt64:lateral=0", 2_602_880),
        ("blt64:position=last", 2_865_024),
        ("blt64:top_down=1,norm=None,classifier_bias=1", 6_565_668),
        ("blt128:top_down=1", 21_605_760),
        ("blt128", 17_304_960),
        ("blt128:lateral=0,top_down=1", 12_639_616),
        ("blt128:lateral=0", 8_338_816),
        ("blt128:position=last", 8_600_960),
    ] {
        assert_eq!(redyn_zoo::build(spec).unwrap().graph.n_parameters(), count, "{spec}");
    }
}
