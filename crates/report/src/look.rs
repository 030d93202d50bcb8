//! How networks look, wherever several of them are drawn: one hue per family.
//!
//! Members of a family are shades of its hue; dash and marker follow the place in the list, so that no
//! two neighbours are told apart by colour alone. Where all are of one family its hue would tell
//! nothing: then every network has a hue of its own, as one of no known family always has.

use crate::Network;
use crate::ink::Ink;
use crate::plot::Look;

/// The look of every network, in their order.
pub(crate) fn looks(networks: &[Network]) -> Vec<Look> {
    let mut families = families(networks);
    if families.len() == 1 {
        families = (0..networks.len()).map(|index| vec![index]).collect();
    }
    let look = |index: usize| {
        let place = |(hue, members): (usize, &Vec<usize>)| {
            members.iter().position(|&member| member == index).map(|member| Ink::shade(hue, member))
        };
        let ink = families.iter().enumerate().find_map(place).expect("every network is of one family");
        Look { ink, ..Look::of(index) }
    };
    (0..networks.len()).map(look).collect()
}

/// Which networks share a hue, in a sentence; none where every one has its own.
pub(crate) fn shared_hues(networks: &[Network]) -> Option<String> {
    let families = families(networks);
    let shared: Vec<String> = families
        .iter()
        .filter(|members| families.len() > 1 && members.len() > 1)
        .map(|members| {
            let names: Vec<&str> =
                members.iter().map(|&member| networks[member].results.name.as_str()).collect();
            format!("{} ({})", networks[members[0]].family.as_deref().unwrap_or_default(), names.join(", "))
        })
        .collect();
    (!shared.is_empty()).then(|| format!("families share a hue: {}", shared.join(", ")))
}

/// The networks of each family, families in the order of their first members.
fn families(networks: &[Network]) -> Vec<Vec<usize>> {
    let mut families: Vec<Vec<usize>> = Vec::new();
    for (index, network) in networks.iter().enumerate() {
        let kin = |members: &&mut Vec<usize>| {
            network.family.is_some() && networks[members[0]].family == network.family
        };
        match families.iter_mut().find(kin) {
            Some(members) => members.push(index),
            None => families.push(vec![index]),
        }
    }
    families
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{Size, Without, context_without};

    fn networks(families: &[Option<&str>]) -> Vec<Network> {
        let size = Size { images: 32, steps: 2, replicates: 0 };
        let one = context_without(size, Without::Nothing, 1).networks.remove(0);
        families
            .iter()
            .enumerate()
            .map(|(index, family)| {
                let mut network = Network { family: family.map(str::to_owned), ..one.clone() };
                network.results.name = format!("n{index}");
                network
            })
            .collect()
    }

    #[test]
    fn a_family_has_one_hue_and_its_members_differ_in_all_else() {
        let found = networks(&[Some("BLT"), Some("rcnn-sat"), Some("rcnn-sat"), None, Some("BLT"), None]);
        let looks = looks(&found);
        let inks: Vec<Ink> = looks.iter().map(|look| look.ink).collect();
        let (hue, shade) = (Ink::Hue, Ink::Shade);
        assert_eq!(inks, [hue(0), hue(1), shade(1, 1), hue(2), shade(0, 1), hue(3)]);
        assert!(looks[1].dash != looks[2].dash && looks[1].marker != looks[2].marker);
        assert_eq!(shared_hues(&found).unwrap(), "families share a hue: BLT (n0, n4), rcnn-sat (n1, n2)");
    }

    #[test]
    fn where_all_are_kin_or_none_is_every_network_has_its_hue() {
        for families in [[Some("BLT"); 3], [None; 3], [Some("a"), Some("b"), None]] {
            let found = networks(&families);
            let inks: Vec<Ink> = looks(&found).iter().map(|look| look.ink).collect();
            assert_eq!(inks, [0, 1, 2].map(Ink::Hue));
            assert_eq!(shared_hues(&found), None);
        }
    }
}
