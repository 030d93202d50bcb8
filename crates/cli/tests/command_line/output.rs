//! What each command prints, and where: data to stdout, words to stderr.

use redyn::analysis::ANALYSES;
use redyn::store::Store;
use redyn::zoo::NETWORKS;
use serde_json::Value;

use crate::common::{DATA, NETWORK, Room};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn networks_are_listed_and_shown() {
    let room = Room::new();
    let (list, listed) = (room.fine("models list"), json(&room.fine("models list --json")));
    assert_eq!(list.lines().count(), NETWORKS.len());
    for (index, entry) in NETWORKS.iter().enumerate() {
        assert!(list.lines().nth(index).unwrap().starts_with(entry.name));
        assert_eq!(listed[index]["name"], entry.name);
    }
    let text = room.fine("models show blt64:top_down=1 --steps 4");
    let shown = json(&room.fine("models show blt64:top_down=1 --steps 4 --json"));
    assert!(text.starts_with("blt64:top_down=1"), "{text}");
    let parameters = shown["parameters"].as_u64().unwrap();
    let sizes = shown["weights"].as_array().unwrap().iter().map(|weight| {
        let shape: Vec<u64> = serde_json::from_value(weight[1].clone()).unwrap();
        shape.iter().product::<u64>()
    });
    assert_eq!(sizes.sum::<u64>(), parameters);
    for weight in shown["weights"].as_array().unwrap() {
        assert!(text.contains(weight[0].as_str().unwrap()), "{weight}");
    }
    assert_eq!(shown["steps"], 4);
    let cost = &shown["cost"];
    let number = |key: &str| cost[key].as_u64().unwrap();
    assert_eq!(number("published_loop"), number("planned") + number("saved"));
    assert!(
        text.contains("v4.top_down") && text.contains("multiply-accumulates per image, 4 steps"),
        "{text}"
    );
}

#[test]
fn analyses_are_listed_and_shown() {
    let room = Room::new();
    let (list, listed) = (room.fine("analyses list"), json(&room.fine("analyses list --json")));
    assert_eq!(list.lines().count(), ANALYSES.len());
    for (index, entry) in ANALYSES.iter().enumerate() {
        assert!(list.lines().nth(index).unwrap().starts_with(entry.name));
        assert_eq!(listed[index]["description"], entry.description);
        let shown = room.fine(&format!("analyses show {}", entry.name));
        assert!(shown.contains(entry.description) && shown.contains(entry.reference), "{shown}");
    }
}

#[test]
fn built_in_stimuli_keep_their_classes_and_statistics_in_a_folder_and_in_hdf5() {
    let room = Room::new();
    let size = "--image-size 16";
    let builtin = json(&room.fine(&format!("data show {DATA} {size} --json")));
    assert_eq!(builtin["splits"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&builtin["splits"][1]["name"], &builtin["splits"][1]["n_images"]),
        (&"train".into(), &64.into())
    );

    assert_eq!(room.fine(&format!("data pack {DATA} a.h5 {size}")), "a.h5\n");
    let packed = json(&room.fine("data show a.h5 --json"));
    assert_eq!(room.fine(&format!("data generate photos --stimuli {DATA} {size}")), "photos\n");
    let folder = json(&room.fine("data show photos --json"));
    for (key, value) in builtin.as_object().unwrap() {
        if key != "name" {
            assert_eq!(&packed[key], value, "packed: {key}");
        }
    }
    assert_eq!(folder["statistics"], builtin["statistics"]);
    // A folder's classes are in alphabetical order.
    assert_eq!(folder["classes"].as_array().unwrap().len(), builtin["classes"].as_array().unwrap().len());

    let said = room.say("data show photos --only-classes oak,tiger --sheet a.png");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), "contact sheet: a.png\n"));
    assert!(said.stdout.starts_with("photos: 2 classes, 16x16 pixels\n"), "{said:?}");
    assert!(said.stdout.contains("oak           2        4        2   plant / tree"), "{said:?}");
    assert!(room.read("a.png").starts_with(b"\x89PNG"));

    let hint = room.mistake(&format!("data pack {DATA} a.h5"), "a.h5 exists already");
    assert_eq!(hint, "choose another name, or remove the file first");
    room.mistake("data generate photos", "photos exists");
}

#[test]
fn training_and_unrolling_name_on_stdout_what_they_wrote() {
    let room = Room::new();
    let line = format!("train {NETWORK} --data {DATA} --out run --epochs 1 --batch 16 --steps 3");
    let said = room.say(&line);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "run/weights.safetensors\n"));
    let [begun, done] = said.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{said:?}") };
    assert!(begun.starts_with("training blt64:width=0.0625,image_size=16,classes=16 on builtin:"), "{begun}");
    assert!(done.starts_with("LA: validation accuracy at t=0...2: "), "{done}");
    let metrics = String::from_utf8(room.read("run/metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 1 + 3 + 2 * 3, "{metrics}");

    let said = room.say("unroll run --steps 3 --areas v4,it --cut v4.lateral@1.. --name cut --out a.zarr");
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (Some(0), "a.zarr\n", ""));
    let (text, shown) = (room.fine("store a.zarr"), json(&room.fine("store a.zarr --json")));
    for part in [
        "cut\n",
        "  images    32 of 32\n",
        "  area      gap: 32 units at 3 steps\n",
        "  area      v4: 4 height x 4 width x 16 channels at 3 steps\n",
        "  readout   of gap at the same step\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(shown["n_images_present"], 32);
    assert_eq!(shown["model"]["interventions"][0]["edge"], "v4.lateral");
    assert_eq!(shown["model"].get("weights"), None);
    assert!(text.contains(shown["digest"].as_str().unwrap()));
}

#[test]
fn what_is_exported_is_imported_with_the_same_answers() {
    let room = Room::with_store();
    assert_eq!(room.fine("export a.zarr --npz a.npz"), "a.npz\n");
    let said = room.say("import a.npz --name theirs --out b.zarr");
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "b.zarr\n"));
    assert_eq!(said.stderr, "32 images, 16 classes\n");
    let shown = json(&room.fine("store b.zarr --json"));
    assert_eq!((&shown["name"], &shown["outputs"]), (&"theirs".into(), &"log_probs".into()));
    let [ours, theirs] = ["a.zarr", "b.zarr"].map(|name| Store::open(room.path(name)).unwrap());
    assert_eq!(ours.labels(), theirs.labels());
    let [a, b] = [&ours, &theirs].map(|store| {
        store.trajectories("gap", redyn::store::Spatial::Average).unwrap().read_images(0..32).unwrap()
    });
    assert_eq!(a.representations, b.representations);
    room.mistake("import manifest.json --name x --out c.zarr", "--name goes with a .npz file");

    // Without an import, the published file gives the same tables.
    let tables = |recording: &str, name: &str| {
        room.fine(&format!("analyze {recording} --replicates 20 --out of-{recording}"));
        room.files(&format!("of-{recording}/tables/{name}"))
    };
    let direct = tables("a.npz", "a");
    assert!(direct.len() > 20);
    assert_eq!(direct, tables("b.zarr", "theirs"));

    // Their own accuracy is what ours was.
    let accuracy = |name: &str| {
        room.fine(&format!("analyze {name} --only accuracy --replicates 20 --out results-{name}"));
        let table =
            format!("results-{name}/tables/{}/accuracy.csv", if name == "a.zarr" { "LA" } else { "theirs" });
        String::from_utf8(room.read(&table)).unwrap()
    };
    assert_eq!(accuracy("a.zarr"), accuracy("b.zarr"));
}

#[test]
fn analyses_and_report_write_what_they_name() {
    let room = Room::with_store();
    room.fine("unroll run --epoch -1 --steps 3 --out untrained.zarr");
    let line = "analyze a.zarr untrained.zarr --only accuracy,change --replicates 20";
    assert_eq!(room.fine(line), "results/results.json\n");
    let written = json(&String::from_utf8(room.read("results/results.json")).unwrap());
    let printed = json(&room.fine(&format!("{line} --json")));
    assert_eq!(written["results"], printed["results"]);
    assert_eq!(printed["sources"][0]["untrained"], "untrained.zarr");
    assert_eq!(printed["sources"][0]["dataset"], DATA);
    assert!(room.exists("results/tables/LA/accuracy.csv"));
    assert_eq!(room.fine("report results"), "results/report/report.html\n");
    let page = String::from_utf8(room.read("results/report/report.html")).unwrap();
    assert!(page.contains("built-in stimuli, split test"));
}

#[test]
fn completions_are_a_script_for_the_shell_that_was_named() {
    let room = Room::new();
    for (shell, part) in [("bash", "_redyn() {"), ("zsh", "#compdef redyn"), ("fish", "complete -c redyn")] {
        let script = room.fine(&format!("completions {shell}"));
        assert!(script.contains(part) && script.contains("unroll"), "{shell}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let room = Room::new();
    assert_eq!(room.fine("--version"), format!("redyn {}\n", env!("CARGO_PKG_VERSION")));
    assert!(room.fine("--help").contains("Start with `redyn demo`"));
    let said = room.say("");
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""));
    assert!(said.stderr.contains("Usage: redyn"), "{said:?}");
}

#[test]
fn claims_are_told_as_lines_as_json_and_as_csv() {
    let room = Room::with_store();
    room.fine("unroll run --epoch -1 --steps 3 --out b.zarr");
    let said = room.fine("claims a.zarr b.zarr --replicates 40 --csv claims.csv");
    let judged = json(&room.fine("claims a.zarr b.zarr --replicates 40 --json"));
    let claims = judged["networks"][0]["claims"].as_array().unwrap();
    assert!(claims.len() > 20, "{}", claims.len());
    assert!(said.starts_with("LA (blt64:"), "{said}");
    for claim in claims {
        assert!(said.contains(claim["wording"].as_str().unwrap()), "{claim}");
        // Whatever is not decided says why.
        let decided = claim["verdict"] != "undecided" || claim["effect"]["low"].is_number();
        assert!(decided || claim["reason"].is_string(), "{claim}");
    }
    let reason = |id: &str| {
        let claim = claims.iter().find(|claim| claim["id"] == id).unwrap();
        claim["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason("comes_to_rest"), "unrolled for 3 steps; this takes at least 40");
    assert_eq!(reason("bias_gains_nothing"), "no network with a bias in its readout was given");
    let alone = json(&room.fine("claims a.zarr --replicates 40 --json"));
    let twin =
        alone["networks"][0]["claims"].as_array().unwrap().iter().find(|c| c["id"] == "training_matters");
    assert_eq!(twin.unwrap()["reason"], "no untrained twin was given");
    let csv = String::from_utf8(room.read("claims.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + claims.len() + judged["across"].as_array().unwrap().len());
}

#[test]
fn the_second_papers_claims_are_decided_between_the_steps_asked_for() {
    let room = Room::with_store();
    let judged = json(&room.fine("claims a.zarr --paper luo2026 --base 1 --after 2 --replicates 20 --json"));
    assert_eq!(judged["paper"], "luo2026");
    let ids: Vec<&str> = judged["networks"][0]["claims"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["id"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&"between_changes"), "{ids:?}");
    room.fine("analyze a.zarr --only global_geometry --base 1 --after 2 --replicates 20 --out results");
    let results = json(&String::from_utf8(room.read("results/results.json")).unwrap());
    assert_eq!(results["results"]["networks"][0]["findings"][0]["states"], serde_json::json!([1, 2]));
    let refused = room.say("analyze a.zarr --only global_geometry --after 7 --out results");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("t=0 and t=7 of 3 steps"), "{refused:?}");
}
