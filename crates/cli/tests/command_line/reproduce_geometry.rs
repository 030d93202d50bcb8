//! The second study, done again in small, and with weights that are there.

use crate::common::Room;

const IMAGES: &str = "builtin:seed=3,train=32,val=16,test=64,clutter=0.2";

#[test]
fn what_the_study_needs_is_asked_for() {
    let room = Room::new();
    let hint = room.mistake(
        "reproduce luo2026",
        "the study is one of published weights, and nothing says where they are",
    );
    assert!(hint.contains("--weights") && hint.contains("--quick"), "{hint}");
    room.mistake("reproduce luo2026 --quick --steps 4", "every network of this study has steps of its own");
    let hint = room.mistake(
        "reproduce luo2026 --quick --image-size 32",
        "of images with 32 pixels a side AlexNet and the ConvRNN have nothing left",
    );
    assert_eq!(hint, "--image-size 72 or more");
    room.write("empty/readme.txt", "nothing");
    let hint = room
        .mistake("reproduce luo2026 --weights empty", "nothing says which images to reproduce the study on");
    assert!(hint.contains("TABLE.csv:FOLDER"), "{hint}");
    let hint = room.mistake(
        &format!("reproduce luo2026 --weights empty --data {IMAGES}"),
        "empty holds no weights of a network of the study",
    );
    assert!(hint.contains("cornet_rt-933c001c.pth"), "{hint}");
}

#[test]
fn small_members_of_every_family_end_in_a_page() {
    let room = Room::new();
    let study =
        format!("reproduce luo2026 --quick --data {IMAGES} --epochs 1 --seeds 1 --width 0.5 --out study");
    let said = room.say(&format!("{study} --dry-run"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("7 networks on") && !room.exists("study"), "{said:?}");
    room.fine(&study);
    let names = ["LA", "BL", "CORnet-RT", "ConvRNN-shallow", "LRM3", "AlexNet", "B"];
    for name in names {
        for of in ["", "-untrained", "-clutter1", "-noise0.8", "-contrast0.2", "-occlusion0.7"] {
            assert!(room.exists(&format!("study/stores/{name}-1{of}.zarr/zarr.json")), "{name}{of}");
        }
    }
    let results: serde_json::Value =
        serde_json::from_slice(&room.read("study/results/results.json")).unwrap();
    let networks = results["results"]["networks"].as_array().unwrap();
    let named: Vec<&str> = networks.iter().map(|network| network["name"].as_str().unwrap()).collect();
    assert_eq!(named, ["LA", "BL", "CORnet-RT", "ConvRNN shallow", "LRM3", "AlexNet", "B"]);
    // Each network is compared at its own states; a feedforward one has one.
    let states = |network: &serde_json::Value| {
        let findings = network["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["analysis"] == "local_geometry").unwrap();
        found["states"].clone()
    };
    assert_eq!(states(&networks[2]), serde_json::json!([3, 4]));
    assert_eq!(states(&networks[5]), serde_json::json!([0, 0]));
    let judged = &results["judged"];
    assert_eq!(judged["paper"], "luo2026");
    let across: Vec<&str> =
        judged["across"].as_array().unwrap().iter().map(|claim| claim["id"].as_str().unwrap()).collect();
    assert!(across.contains(&"no_single_factor") && across.contains(&"agree_at_features"), "{across:?}");
    let learned = judged["networks"][0]["claims"].as_array().unwrap();
    let learned = learned.iter().find(|claim| claim["id"] == "orthogonality_learned").unwrap();
    assert!(learned["effect"]["value"].is_number(), "{learned}");
    assert_eq!(judged["factors"].as_array().unwrap().len(), 4);
    let published = String::from_utf8(room.read("study/results/tables/published.csv")).unwrap();
    assert!(published.contains("CORnet-RT,4.4,prototype shift (feature)"), "{published}");
    let page = String::from_utf8(room.read("study/report/report.html")).unwrap();
    assert!(page.contains("published: 100 x 50 ImageNet") && page.contains("id=\"robustness\""));
    assert!(page.contains("families share a hue: rcnn-sat (BL, B)"));
    assert!(!room.exists("study/stores/LA-2.zarr"));
}

/// The way of published weights, with weights of ours: every network is found by its file and
/// stands beside five of random weights.
#[test]
fn weights_that_are_there_are_found_by_what_they_are() {
    let room = Room::new();
    let train = "train cornet_rt:width=0.125,image_size=32 --epochs 1 --batch 16 --part 8 --steps 5";
    room.fine(&format!("{train} --data {IMAGES} --out run"));
    std::fs::create_dir(room.path("weights")).unwrap();
    std::fs::copy(room.path("run/weights.safetensors"), room.path("weights/cornet.safetensors")).unwrap();
    room.write("weights/other.pth", "no checkpoint");
    let said = room.say(&format!("reproduce luo2026 --weights weights --data {IMAGES} --out study"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.stderr.contains("other.pth") && said.stderr.contains("note: no weights of LA, BL"),
        "{said:?}"
    );
    // Five random weights beside one training are no five seeds.
    let results: serde_json::Value =
        serde_json::from_slice(&room.read("study/results/results.json")).unwrap();
    let network = &results["judged"]["networks"][0];
    assert_eq!(network["seeds"].as_array().unwrap().len(), 1);
    let claims = network["claims"].as_array().unwrap();
    let sampling = |id: &str| claims.iter().find(|claim| claim["id"] == id).unwrap()["sampling"].clone();
    assert_eq!(sampling("orthogonality_learned"), serde_json::json!({ "random_weights": 5 }));
    assert_eq!(sampling("clusters_change"), "images");
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines[0].starts_with("network") && lines.len() == 1 + 16, "{said:?}");
    assert!(lines.iter().all(|line| !line.ends_with("  yes")), "other images are not the published ones");
    assert!(room.exists("study/stores/CORnet-RT-random4.zarr/zarr.json"));
}
