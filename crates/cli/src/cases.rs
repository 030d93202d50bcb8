//! Which stores belong together: seeds of one network, twins, controls, long recordings.
//!
//! A store says which network it recorded, under which seed and after which epoch, for how many
//! steps, and what was done to it. That is enough to find what a network is compared to.

use redyn_store::Recording;
use redyn_zoo::Card;

use crate::Opened;

/// What one network under one seed consists of: indices into the stores that were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Companions {
    /// Name of the network, the same for all its seeds.
    pub(crate) network: String,
    pub(crate) main: usize,
    pub(crate) untrained: Option<usize>,
    /// The network and its untrained twin, unrolled for longer.
    pub(crate) long: Option<(usize, Option<usize>)>,
    /// Feedforward networks that saw the same images.
    pub(crate) controls: Vec<usize>,
    /// The network with a bias in its readout, and the same with the bias removed.
    pub(crate) with_bias: Option<usize>,
    pub(crate) bias_removed: Option<usize>,
}

/// What a store says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Says {
    name: String,
    /// Name and settings, the readout's bias left out.
    network: String,
    seed: Option<u64>,
    untrained: bool,
    steps: usize,
    readout: Readout,
    intervened: bool,
    images: u64,
}

/// How a network is read out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readout {
    Plain,
    Biased,
    /// Trained with a bias that was then taken away.
    BiasRemoved,
}

impl Says {
    fn of(store: &Recording) -> Self {
        let about = store.about();
        let card: Option<Card> =
            about.model.get("card").and_then(|card| serde_json::from_value(card.clone()).ok());
        let listed = |key: &str| about.model.get(key).and_then(|value| value.as_array());
        Self {
            name: about.name.clone(),
            network: without_bias(&about.network),
            seed: about.seed,
            untrained: about.epoch == Some(-1),
            steps: store.taps().iter().map(|tap| tap.steps.len()).max().unwrap_or(0),
            readout: match about.model.get("bias_removed") {
                Some(removed) if removed == true => Readout::BiasRemoved,
                _ if card.is_some_and(|card| card.readout.bias.is_some()) => Readout::Biased,
                _ => Readout::Plain,
            },
            intervened: listed("interventions").is_some_and(|all| !all.is_empty()),
            images: fingerprint(store.image_ids()),
        }
    }
}

/// A spec without its `classifier_bias`: a network and its sister with a bias have the same.
fn without_bias(network: &str) -> String {
    let Some((name, settings)) = network.split_once(':') else { return network.to_owned() };
    let kept: Vec<&str> =
        settings.split(',').filter(|setting| !setting.starts_with("classifier_bias=")).collect();
    if kept.is_empty() { name.to_owned() } else { format!("{name}:{}", kept.join(",")) }
}

/// A number that two lists of images share only if they are the same.
fn fingerprint(ids: &[String]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    ids.hash(&mut hasher);
    hasher.finish()
}

/// The networks among some stores, each under each seed, and which stores belong to none.
pub(crate) fn companions(stores: &[Opened]) -> (Vec<Companions>, Vec<usize>) {
    let all: Vec<Says> = stores.iter().map(|one| Says::of(&one.recording)).collect();
    grouped(&all)
}

fn grouped(all: &[Says]) -> (Vec<Companions>, Vec<usize>) {
    let indices = || 0..all.len();
    let recurrent = |index: &usize| all[*index].steps > 1;
    let whole = |index: &usize| !all[*index].intervened && all[*index].readout != Readout::BiasRemoved;
    // A network with a bias is looked at for its own sake only if its sister without is not there.
    let sister = |index: usize| {
        indices().filter(whole).any(|other| {
            let (a, b) = (&all[index], &all[other]);
            let plain = b.readout == Readout::Plain && !b.untrained && b.steps > 1;
            plain && a.network == b.network && a.seed == b.seed
        })
    };
    let eclipsed = |index: &usize| all[*index].readout == Readout::Biased && sister(*index);
    let trained = |index: &usize| !all[*index].untrained;
    let mut candidates: Vec<usize> =
        indices().filter(whole).filter(trained).filter(|index| !eclipsed(index)).collect();
    if candidates.iter().any(recurrent) {
        candidates.retain(recurrent);
    }
    if candidates.is_empty() {
        // Only untrained networks: they are what is to be looked at.
        candidates = indices().filter(whole).collect();
    }
    let same = |a: usize, b: usize| {
        let (a, b) = (&all[a], &all[b]);
        a.network == b.network && a.seed == b.seed && a.untrained == b.untrained && a.readout == b.readout
    };
    // Of several recordings of one network the shortest is the network's, the longest the long one.
    let mut mains: Vec<(usize, Option<usize>)> = Vec::new();
    for &index in &candidates {
        let own: Vec<usize> = candidates.iter().copied().filter(|&other| same(index, other)).collect();
        let shortest = own.iter().copied().min_by_key(|&other| all[other].steps).unwrap_or(index);
        let longest = own.iter().copied().max_by_key(|&other| all[other].steps);
        let long = longest.filter(|&long| all[long].steps > all[shortest].steps);
        let shown = all[index].steps == all[shortest].steps;
        if shown && mains.iter().all(|&(main, _)| main != index) {
            mains.push((index, long));
        }
    }
    let twin = |index: usize| {
        indices().filter(whole).find(|&other| {
            let (a, b) = (&all[index], &all[other]);
            let network = a.network == b.network && a.seed == b.seed && a.readout == b.readout;
            other != index && b.untrained && network && a.steps == b.steps && a.images == b.images
        })
    };
    let found: Vec<Companions> = mains
        .iter()
        .map(|&(main, long)| Companions {
            network: name_of(&mains, all, main),
            main,
            untrained: twin(main),
            long: long.map(|long| (long, twin(long))),
            controls: controls(all, main),
            with_bias: variant(all, main, Readout::Biased),
            bias_removed: variant(all, main, Readout::BiasRemoved),
        })
        .collect();
    let used: Vec<usize> = found
        .iter()
        .flat_map(|one| {
            let long = one.long.into_iter().flat_map(|(long, twin)| [Some(long), twin]);
            let single = [Some(one.main), one.untrained, one.with_bias, one.bias_removed];
            single.into_iter().chain(long).flatten().chain(one.controls.iter().copied()).collect::<Vec<_>>()
        })
        .collect();
    let left = indices().filter(|index| !used.contains(index)).collect();
    (found, left)
}

/// All seeds of a network go by the name of the first; two networks of one name by their specs.
fn name_of(mains: &[(usize, Option<usize>)], all: &[Says], main: usize) -> String {
    let first =
        |network: &str| mains.iter().map(|&(index, _)| &all[index]).find(|says| says.network == network);
    let name = |says: &Says| first(&says.network).map_or_else(|| says.name.clone(), |says| says.name.clone());
    let own = name(&all[main]);
    let taken =
        mains.iter().any(|&(index, _)| all[index].network != all[main].network && name(&all[index]) == own);
    if taken { format!("{own} ({})", all[main].network) } else { own }
}

/// One recording of every feedforward network, trained and untrained: of the same seed if there is one.
fn controls(all: &[Says], main: usize) -> Vec<usize> {
    let fits = |index: &usize| {
        let says = &all[*index];
        says.steps == 1 && all[main].steps > 1 && says.images == all[main].images && !says.intervened
    };
    let mut chosen: Vec<usize> = Vec::new();
    for index in (0..all.len()).filter(fits) {
        let says = &all[index];
        let known = chosen.iter_mut().find(|chosen| {
            let other = &all[**chosen];
            other.network == says.network && other.untrained == says.untrained
        });
        match known {
            Some(known) if all[*known].seed != all[main].seed && says.seed == all[main].seed => {
                *known = index;
            }
            Some(_) => {}
            None => chosen.push(index),
        }
    }
    chosen
}

/// A trained sister of a network on the same images, with another readout.
fn variant(all: &[Says], main: usize, readout: Readout) -> Option<usize> {
    (0..all.len()).find(|&index| {
        let (a, b) = (&all[main], &all[index]);
        let network =
            a.network == b.network && a.seed == b.seed && a.steps == b.steps && a.images == b.images;
        let readouts = a.readout == Readout::Plain && b.readout == readout;
        network && readouts && !b.untrained && !b.intervened
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(name: &str, network: &str, seed: u64, steps: usize) -> Says {
        Says {
            name: name.into(),
            network: network.into(),
            seed: Some(seed),
            untrained: name.contains("untrained"),
            steps,
            readout: match name {
                "LA bias" => Readout::Biased,
                "LA removed" => Readout::BiasRemoved,
                _ => Readout::Plain,
            },
            intervened: name.contains("cut"),
            images: u64::from(steps > 20),
        }
    }

    #[test]
    fn a_study_falls_into_its_networks() {
        let mut all = Vec::new();
        for seed in [1, 2] {
            all.extend([
                says("LA", "l", seed, 8),
                says("LA untrained", "l", seed, 8),
                says("LA long", "l", seed, 80),
                says("LA untrained long", "l", seed, 80),
                says("LA cut", "l", seed, 8),
                says("LA bias", "l", seed, 8),
                says("LA removed", "l", seed, 8),
                says("BNet", "b", seed, 1),
                says("BNet untrained", "b", seed, 1),
            ]);
        }
        let (found, left) = grouped(&all);
        let expected = |from: usize| Companions {
            network: "LA".into(),
            main: from,
            untrained: Some(from + 1),
            long: Some((from + 2, Some(from + 3))),
            controls: vec![from + 7, from + 8],
            with_bias: Some(from + 5),
            bias_removed: Some(from + 6),
        };
        assert_eq!(found, [expected(0), expected(9)]);
        // Lesions are no networks of their own.
        assert_eq!(left, [4, 13]);
    }

    #[test]
    fn stores_alone_are_what_is_looked_at() {
        let alone = |says: Says| grouped(&[says]).0.iter().map(|one| one.main).collect::<Vec<_>>();
        assert_eq!(alone(says("LA untrained", "l", 1, 8)), [0]);
        assert_eq!(alone(says("BNet", "b", 1, 1)), [0]);
        assert_eq!(alone(says("LA bias", "l", 1, 8)), [0]);
    }

    #[test]
    fn two_networks_of_one_name_are_told_apart() {
        let all = [says("LA", "wide", 1, 8), says("LA", "narrow", 1, 8)];
        let names: Vec<String> = grouped(&all).0.into_iter().map(|one| one.network).collect();
        assert_eq!(names, ["LA (wide)", "LA (narrow)"]);
    }

    #[test]
    fn a_bias_is_no_part_of_a_networks_name() {
        assert_eq!(without_bias("blt64:classifier_bias=1,width=0.5"), "blt64:width=0.5");
        assert_eq!(without_bias("blt64:classifier_bias=1"), "blt64");
        assert_eq!(without_bias("blt64"), "blt64");
    }
}
