//! The planner's exact savings on BLT networks, against the published layer table.

use redyn_network::{Plan, Request, Steps, TapRequest};

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
        ("blt_vs", 34_989_732),
        ("blt_vs:unroll=biological,classes=565", 27_332_427),
        ("cornet_rt", 5_208_936),
        ("cornet_r", 5_208_936),
        ("cornet_z", 2_071_656),
        ("cornet_s", 53_416_616),
        ("bl", 28_870_920),
        ("b", 11_037_768),
        ("b_k", 39_796_040),
        ("b_f", 40_006_824),
        ("b_d", 28_819_848),
        ("rgc_shallow", 23_956_843),
        ("rgc_intermediate", 15_445_804),
        // The three sharpnesses of a decoder, and its threshold.
        ("rgc_intermediate_tmaxconf", 15_445_804 + 3),
        ("rgc_intermediate_dthresh", 15_445_804 + 4),
        ("timedecay_shallow", 4_197_742),
        ("simplernn_shallow", 6_272_875),
        ("gru_shallow", 25_434_475),
        ("lstm_shallow", 21_126_251),
        ("ugrnn_shallow", 18_355_563),
        ("intersectionrnn_shallow", 32_513_387),
        ("timedecay_intermediate", 16_403_443),
        ("simplernn_intermediate", 33_512_940),
        ("gru_intermediate", 67_725_036),
        ("lstm_intermediate", 84_832_236),
        ("ugrnn_intermediate", 50_617_836),
        ("intersectionrnn_intermediate", 84_832_236),
        ("lrm1", 62_924_348),
        ("lrm2", 63_605_200),
        ("lrm3", 65_186_642),
        ("alexnet", 61_100_840),
        ("vgg16", 138_357_544),
        ("resnet18", 11_689_512),
        ("resnet50", 25_557_032),
        ("resnet101", 44_549_160),
    ] {
        assert_eq!(redyn_zoo::build(spec).unwrap().graph.n_parameters(), count, "{spec}");
    }
}

/// Every area at every step, and the readout at the last one alone.
fn all_areas(graph: &redyn_network::Graph, steps: usize, areas: &[&str]) -> Request {
    assert!(areas.iter().all(|area| graph.taps().any(|(tap, _)| tap == *area)));
    let mut request = Request::last_readout(steps);
    request.taps.extend(areas.iter().map(|area| TapRequest { name: (*area).into(), steps: Steps::All }));
    request
}

#[test]
fn cornet_rt_saves_what_its_table_says() {
    for (steps, published, all, last) in [
        (5, 3_153_772_544, 2_168_717_312, 1_301_676_032),
        (7, 4_484_440_064, 3_440_377_856, 2_573_336_576_u64),
    ] {
        let graph = redyn_zoo::build("cornet_rt").unwrap().graph;
        let request = Request::last_readout(steps);
        let cost = Plan::published(&graph, &request).unwrap().cost();
        // The reference decodes the last step alone, our loop every one.
        let decodings = (steps as u64 - 1) * 512_000;
        assert_eq!(cost.per_image + cost.per_model, published + decodings, "{steps} steps: published loop");
        let planned = Plan::new(&graph, &request).unwrap().cost();
        assert_eq!(planned.per_image, last, "{steps} steps: last logits");
        let planned = Plan::new(&graph, &all_areas(&graph, steps, &["V1", "V2", "V4", "IT"])).unwrap().cost();
        assert_eq!(planned.per_image, all, "{steps} steps: all areas");
    }
}

/// Multiply-accumulates of a gated cell that its table counts at every step of a node, and that
/// operations planned one by one do without.
struct Cell {
    /// What the cell's update needs and nothing else does: not computed at the last step, whose
    /// cell nobody reads.
    unread: u64,
    /// Convolutions of the states: at the first step that an image drives, they are of states
    /// that no image has reached.
    constant: u64,
    /// Convolutions of feedback, at the steps before an image comes that way too.
    early: u64,
}

#[test]
fn convrnns_save_what_their_tables_say_and_what_single_operations_add() {
    let three = |c: u64| 3 * c;
    // conv3's input never changes, so what enters its cell is kept in any case.
    let [conv3, conv4, conv5] = [462_422_016, 115_605_504, 115_605_504];
    let shallow = [
        Cell { unread: 2 * conv3, constant: 4 * conv3, early: 0 },
        Cell { unread: three(conv4), constant: 4 * conv4, early: 0 },
        Cell { unread: three(conv5), constant: 4 * conv5, early: 0 },
    ];
    // 2 × 2, the four separable convolutions (cell to cell, out to cell, out to out, cell to
    // out), 1 × 1 of the feedback, and the steps until the nearest feedback brings the image.
    let intermediate = [
        // As conv3 above.
        ([0, 22_679_552, 45_359_104, 71_049_216, 35_524_608], 0, 0),
        ([25_690_112, 5_669_888, 11_339_776, 17_762_304, 8_881_152], 25_690_112, 4),
        ([51_380_224, 5_669_888, 22_679_552, 61_214_720, 15_303_680], 154_140_672, 2),
        ([12_845_056, 1_417_472, 5_669_888, 15_303_680, 3_825_920], 25_690_112, 4),
        ([3_211_264, 354_368, 1_417_472, 3_825_920, 956_480], 0, 0),
        ([6_422_528, 354_368, 2_834_944, 14_074_368, 1_759_296], 12_845_056, 2),
        ([6_422_528, 354_368, 2_834_944, 14_074_368, 1_759_296], 0, 0_u64),
    ]
    .map(|([entering, cc, hc, hh, ch], feedback, steps)| Cell {
        unread: entering + cc + hc,
        constant: cc + hc + hh + ch,
        early: steps * feedback,
    });
    let areas: Vec<String> = (1..=10).map(|node| format!("conv{node}")).collect();
    let areas: Vec<&str> = areas.iter().map(String::as_str).collect();
    // What the blank drives is the same for every image; the table counts it as an image's.
    let blank_shallow = 118_013_952 + 231_211_008 + [231_211_008, conv3, 231_211_008].iter().sum::<u64>();
    let blank_intermediate = 118_013_952 + 231_211_008 + 462_422_016 + 1_027_604_480;
    for (spec, steps, areas, cells, blank, published, all, last) in [
        (
            "rgc_shallow",
            16,
            &areas[..5],
            &shallow[..],
            blank_shallow,
            74_320_969_728,
            47_490_220_032,
            38_170_656_768,
        ),
        (
            "rgc_intermediate",
            17,
            &areas,
            &intermediate,
            blank_intermediate,
            71_546_903_936,
            30_672_001_920,
            18_421_909_120_u64,
        ),
    ] {
        let graph = redyn_zoo::build(spec).unwrap().graph;
        let finer: u64 = cells.iter().map(|cell| cell.unread + cell.constant + cell.early).sum();
        let request = Request::last_readout(steps);
        let cost = Plan::published(&graph, &request).unwrap().cost();
        assert_eq!(cost.per_image + cost.per_model, published, "{spec}: published loop");
        let planned = Plan::new(&graph, &request).unwrap().cost();
        assert_eq!(planned.per_image, last - finer, "{spec}: last logits");
        let mut request = all_areas(&graph, steps, areas);
        request.taps[0].steps = Steps::All;
        let planned = Plan::new(&graph, &request).unwrap().cost();
        assert_eq!(planned.per_image, all - finer - blank, "{spec}: all areas");
    }
}

#[test]
fn other_networks_cost_what_their_tables_say() {
    for (spec, steps, published, saved) in [
        ("bl", 8, 83_508_723_712, 0),
        ("b", 1, 1_990_672_384, 0),
        ("cornet_z", 1, 812_158_976, 0),
        ("cornet_s", 1, 16_431_747_072, 0),
        ("alexnet", 1, 714_188_480, 0),
        ("lrm3", 2, 1_515_855_232, 70_276_800),
        ("lrm3", 3, 2_317_521_984, 140_553_600_u64),
    ] {
        let graph = redyn_zoo::build(spec).unwrap().graph;
        let request = Request::readout(steps);
        let loop_cost = Plan::published(&graph, &request).unwrap().cost();
        assert_eq!(loop_cost.per_image + loop_cost.per_model, published, "{spec}: published loop");
        let planned = Plan::new(&graph, &request).unwrap().cost();
        assert_eq!(published - planned.per_image, saved, "{spec}: saved");
    }
}
