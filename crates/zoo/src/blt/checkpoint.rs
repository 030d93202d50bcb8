//! What keys, shapes and names of the published files tell of a BLT network.
//!
//! `b64_l_{L}_t_{T}_ltinteract_{how}_T_{steps}_ltposition_{all|last}_num_{id}[_epoch_{e}].pth`:
//! the interaction and the number of steps are in the name alone, all else is in the keys.

use crate::published::{Evidence, Inference, Undecided};

pub(super) fn infer(evidence: &Evidence) -> Inference {
    let switch = |on: bool| if on { "1" } else { "0" };
    let pooled_lateral = evidence.has("gap.lateral.weight");
    let area_lateral = evidence.has("v2.lateral.weight");
    let top_down = evidence.has("v2.top_down.weight");
    let lateral = pooled_lateral || area_lateral;
    let last = pooled_lateral && !area_lateral && !top_down;
    let norm = if evidence.has("v1_ln.weight") { "LN" } else { "None" };
    let mut settings = vec![
        ("lateral", switch(lateral).to_owned()),
        ("top_down", switch(top_down).to_owned()),
        ("position", if last { "last" } else { "all" }.to_owned()),
        ("norm", norm.to_owned()),
        ("classifier_bias", switch(evidence.has("readout.bias")).to_owned()),
    ];
    let mut tell = |key, value: Option<String>| settings.extend(value.map(|value| (key, value)));
    tell("width", evidence.length("retina.weight", 0).map(|channels| (channels as f64 / 32.0).to_string()));
    tell("image_size", evidence.length("v1_ln.weight", 1).map(|side| side.to_string()));
    tell("classes", evidence.length("readout.weight", 0).map(|classes| classes.to_string()));

    let mut undecided = Vec::new();
    for (setting, mark, found) in [("lateral", "_l_", lateral), ("top_down", "_t_", top_down)] {
        if let Some(said) = evidence.part(mark).filter(|said| *said != switch(found)) {
            let why = format!("the file is named `{}{said}`, its keys say {}", &mark[1..], switch(found));
            undecided.push(Undecided { setting, why, example: switch(found) });
        }
    }
    match evidence.part("_ltinteract_") {
        // Anything but `additive` multiplies, as published.
        Some("additive") => tell("interaction", Some("additive".into())),
        Some(_) => tell("interaction", Some("multiplicative".into())),
        None if lateral || top_down => undecided.push(Undecided {
            setting: "interaction",
            why: "it is in no key, and the file's name has no part `ltinteract_`".into(),
            example: "multiplicative",
        }),
        None => {}
    }
    Inference {
        settings,
        undecided,
        steps: evidence.part("_T_").and_then(|steps| steps.parse().ok()),
        epoch: evidence.part("_epoch_").and_then(|epoch| epoch.parse().ok()),
        number: evidence.part("_num_").and_then(|number| number.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn shapes(spec: &str) -> BTreeMap<String, Vec<usize>> {
        let graph = crate::build(spec).unwrap().graph;
        graph.parameters().iter().map(|p| (p.name.clone(), p.shape.clone())).collect()
    }

    #[test]
    fn keys_and_name_together_tell_every_setting() {
        let name = "b64_l_0_t_1_ltinteract_None_T_7_ltposition_all_num_3_epoch_-1";
        for (name, spec) in [
            (name, "blt64:lateral=0,top_down=1,interaction=multiplicative"),
            (
                "b64_l_1_t_1_ltinteract_additive_T_7_ltposition_all_num_3_epoch_-1",
                "blt64:top_down=1,width=0.25,image_size=32,classes=16",
            ),
            (
                "b64_l_1_t_0_ltinteract_additive_T_7_ltposition_last_num_3_epoch_-1",
                "blt64:position=last,classifier_bias=1",
            ),
            (
                "b128_l_1_t_1_ltinteract_mult_T_7_ltposition_all_num_3_epoch_-1",
                "blt128:top_down=1,interaction=multiplicative",
            ),
            (
                "b64_l_0_t_0_ltinteract_None_T_7_ltposition_None_num_3_epoch_-1",
                "blt64:lateral=0,interaction=multiplicative,norm=None",
            ),
        ] {
            let told = infer(&Evidence { shapes: &shapes(spec), name });
            assert_eq!(told.undecided, []);
            let family = spec.split(':').next().unwrap();
            let pairs: Vec<String> =
                told.settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let inferred = crate::build(&format!("{family}:{}", pairs.join(","))).unwrap();
            assert_eq!(inferred.spec, crate::build(spec).unwrap().spec);
            assert_eq!((told.steps, told.epoch, told.number), (Some(7), Some(-1), Some(3)));
        }
    }

    #[test]
    fn what_neither_says_or_both_say_differently_is_undecided() {
        let shapes = shapes("blt64:top_down=1");
        let undecided = |name| -> Vec<&str> {
            infer(&Evidence { shapes: &shapes, name }).undecided.iter().map(|about| about.setting).collect()
        };
        assert_eq!(undecided("weights"), ["interaction"]);
        assert_eq!(undecided("b64_l_1_t_0_ltinteract_additive_T_10_ltposition_all_num_1"), ["top_down"]);
    }
}
