//! Which of the networks among some stores are seeds of one, recorded for longer, or read out otherwise.
//!
//! A store says which network it recorded, with which weights, under which seed, and for how many
//! steps. Seeds are trainings of one network that are told apart by their seeds and saw the same
//! images; weights of which no seed is known, as their authors publish them, are a network by themselves.

use redyn_store::Recording;
use redyn_zoo::Card;

use super::companions::Companions;
use crate::Opened;

/// One network under one seed: places among the networks that were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seed {
    /// Name of the network, the same for all its seeds.
    pub(super) network: String,
    pub(super) main: usize,
    /// The same weights, unrolled for longer.
    pub(super) long: Option<usize>,
    /// Stores of feedforward networks that saw the same images.
    pub(super) controls: Vec<usize>,
    /// The network with a bias in its readout, and the same with the bias removed.
    pub(super) with_bias: Option<usize>,
    pub(super) bias_removed: Option<usize>,
}

/// What a store says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Says {
    name: String,
    /// Name and settings, the readout's bias left out.
    network: String,
    seed: Option<u64>,
    weights: Option<String>,
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
            weights: about.weights_digest.clone(),
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

    /// A network by itself, not what became of it once something was taken away.
    fn is_whole(&self) -> bool {
        !self.intervened && self.readout != Readout::BiasRemoved
    }

    /// The same weights.
    fn is_training_of(&self, other: &Self) -> bool {
        let known = self.weights.is_none() || other.weights.is_none() || self.weights == other.weights;
        known && self.seed == other.seed && self.untrained == other.untrained && self.is_made_as(other)
    }

    /// The same network trained from another seed, on the same images.
    fn is_seed_of(&self, other: &Self) -> bool {
        let seeds = self.seed.zip(other.seed);
        seeds.is_some_and(|(a, b)| a != b)
            && self.untrained == other.untrained
            && self.images == other.images
            && self.is_made_as(other)
    }

    fn is_made_as(&self, other: &Self) -> bool {
        self.network == other.network && self.readout == other.readout
    }

    /// The same network under the same seed on the same images, trained with another readout.
    fn is_variant_of(&self, main: &Self, readout: Readout) -> bool {
        let seen = (&self.network, self.seed, self.steps, self.images);
        main.readout == Readout::Plain
            && self.readout == readout
            && !self.untrained
            && !self.intervened
            && seen == (&main.network, main.seed, main.steps, main.images)
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

/// The networks that claims are about, each under each of its seeds.
pub(super) fn seeds(found: &[Companions], stores: &[Opened]) -> Vec<Seed> {
    let all: Vec<Says> = stores.iter().map(|one| Says::of(&one.recording)).collect();
    grouped(found, &all)
}

fn grouped(found: &[Companions], all: &[Says]) -> Vec<Seed> {
    let says = |place: usize| &all[found[place].subject];
    // A network with a bias is looked at for its own sake only if its sister without is not there.
    let eclipsed = |place: usize| {
        let own = says(place);
        let plain = |other: &Says| {
            other.readout == Readout::Plain && other.network == own.network && other.seed == own.seed
        };
        own.readout == Readout::Biased && (0..found.len()).any(|other| plain(says(other)))
    };
    let candidates: Vec<usize> =
        (0..found.len()).filter(|&place| says(place).is_whole() && !eclipsed(place)).collect();
    // Of several recordings of one network the shortest is the network's, the longest the long one.
    let recordings = |place: usize| {
        candidates.iter().copied().filter(move |&other| says(place).is_training_of(says(other)))
    };
    let shortest =
        |place: usize| recordings(place).map(|other| says(other).steps).min() == Some(says(place).steps);
    let mains: Vec<usize> = candidates.iter().copied().filter(|&place| shortest(place)).collect();
    let names = names(&mains.iter().map(|&place| says(place)).collect::<Vec<_>>());
    mains
        .iter()
        .zip(names)
        .map(|(&main, network)| {
            let variant =
                |readout| (0..found.len()).find(|&other| says(other).is_variant_of(says(main), readout));
            Seed {
                network,
                main,
                long: recordings(main)
                    .max_by_key(|&other| says(other).steps)
                    .filter(|&long| says(long).steps > says(main).steps),
                controls: controls(&found[main].controls, all, says(main).seed),
                with_bias: variant(Readout::Biased),
                bias_removed: variant(Readout::BiasRemoved),
            }
        })
        .collect()
}

/// What each network goes by: its seeds by the name of the first, others of that name by their specs, or
/// else by their number.
fn names(mains: &[&Says]) -> Vec<String> {
    let mut networks: Vec<(String, Vec<&Says>)> = Vec::new();
    let mut names = Vec::new();
    for &says in mains {
        let kin = |(_, seeds): &&mut (String, Vec<&Says>)| seeds.iter().all(|seed| says.is_seed_of(seed));
        if let Some((name, seeds)) = networks.iter_mut().find(kin) {
            seeds.push(says);
            names.push(name.clone());
            continue;
        }
        let clashes = mains.iter().any(|other| other.name == says.name && other.network != says.network);
        let own = if clashes { format!("{} ({})", says.name, says.network) } else { says.name.clone() };
        let taken = |name: &String| networks.iter().any(|(known, _)| known == name);
        let numbered = (2..).map(|number| format!("{own}, {number}"));
        let name = std::iter::once(own.clone()).chain(numbered).find(|name| !taken(name)).expect("endless");
        networks.push((name.clone(), vec![says]));
        names.push(name);
    }
    names
}

/// One recording of every feedforward network, trained and untrained: of this seed if there is one.
fn controls(there: &[usize], all: &[Says], seed: Option<u64>) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    for &index in there.iter().filter(|&&index| !all[index].intervened) {
        let says = &all[index];
        let known = chosen.iter_mut().find(|chosen| {
            let other = &all[**chosen];
            other.network == says.network && other.untrained == says.untrained
        });
        match known {
            Some(known) if all[*known].seed != seed && says.seed == seed => *known = index,
            Some(_) => {}
            None => chosen.push(index),
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(name: &str, network: &str, seed: Option<u64>, steps: usize) -> Says {
        Says {
            name: name.into(),
            network: network.into(),
            seed,
            weights: None,
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

    /// Each store a network of its own, compared to no other but these controls.
    fn alone(stores: &[usize], controls: &[usize]) -> Vec<Companions> {
        let companions = |&subject: &usize| Companions {
            subject,
            untrained: None,
            random: Vec::new(),
            controls: controls.to_vec(),
            lesions: Vec::new(),
        };
        stores.iter().map(companions).collect()
    }

    fn found(all: &[Says]) -> Vec<Seed> {
        grouped(&alone(&(0..all.len()).collect::<Vec<_>>(), &[]), all)
    }

    fn named(all: &[Says]) -> Vec<String> {
        found(all).into_iter().map(|one| one.network).collect()
    }

    #[test]
    fn a_study_falls_into_its_networks() {
        let mut all = Vec::new();
        for seed in [Some(1), Some(2)] {
            all.extend([
                says("LA", "l", seed, 8),
                says("LA long", "l", seed, 80),
                says("LA cut", "l", seed, 8),
                says("LA bias", "l", seed, 8),
                says("LA removed", "l", seed, 8),
                says("BNet", "b", seed, 1),
                says("BNet untrained", "b", seed, 1),
            ]);
        }
        let recurrent: Vec<usize> = (0..all.len()).filter(|&index| all[index].steps > 1).collect();
        let found = grouped(&alone(&recurrent, &[5, 6, 12, 13]), &all);
        // Five of each seed are networks, the feedforward ones are not: places among those.
        let expected = |from: usize, controls: usize| Seed {
            network: "LA".into(),
            main: from,
            long: Some(from + 1),
            controls: vec![controls, controls + 1],
            with_bias: Some(from + 3),
            bias_removed: Some(from + 4),
        };
        assert_eq!(found, [expected(0, 5), expected(5, 12)]);
    }

    #[test]
    fn stores_alone_are_what_is_looked_at() {
        for name in ["LA untrained", "BNet", "LA bias"] {
            assert_eq!(named(&[says(name, "l", Some(1), 8)]), [name]);
        }
        assert!(found(&[says("LA cut", "l", Some(1), 8)]).is_empty());
    }

    #[test]
    fn weights_without_a_seed_are_no_seeds_of_one_another() {
        let published = |weights: &str, steps| {
            let weights = Some(weights.to_owned());
            Says { weights, images: 0, ..says("ResNet-50", "r", None, steps) }
        };
        let found = found(&[published("a", 8), published("b", 8), published("b", 80)]);
        let found: Vec<_> = found.iter().map(|one| (&one.network[..], one.main, one.long)).collect();
        assert_eq!(found, [("ResNet-50", 0, None), ("ResNet-50, 2", 1, Some(2))]);
    }

    #[test]
    fn one_training_on_two_sets_of_images_is_one_seed_of_two_networks() {
        let on = |images| Says { images, ..says("LA", "l", Some(1), 8) };
        assert_eq!(named(&[on(0), on(1)]), ["LA", "LA, 2"]);
        let other = Says { seed: Some(2), ..on(0) };
        assert_eq!(named(&[on(0), on(1), other]), ["LA", "LA, 2", "LA"]);
    }

    #[test]
    fn two_networks_of_one_name_are_told_apart() {
        let all = [says("LA", "wide", Some(1), 8), says("LA", "narrow", Some(1), 8)];
        assert_eq!(named(&all), ["LA (wide)", "LA (narrow)"]);
    }

    #[test]
    fn a_bias_is_no_part_of_a_networks_name() {
        assert_eq!(without_bias("blt64:classifier_bias=1,width=0.5"), "blt64:width=0.5");
        assert_eq!(without_bias("blt64:classifier_bias=1"), "blt64");
        assert_eq!(without_bias("blt64"), "blt64");
    }
}
