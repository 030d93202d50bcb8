//! Which classes the readout holds to be alike.

use kodama::Method;
use rayon::prelude::*;
use redyn_core::Hierarchy;
use redyn_core::random::Stream;
use serde::{Deserialize, Serialize};

use crate::numeric::{Panels, norm};
use crate::resample::p_value;
use crate::spearman::{correlation, ranks};
use crate::table::Table;
use crate::{Analysis, Error, Material};

/// How clusters are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Linkage {
    /// Ward's minimum variance, as published. Formally it asks for Euclidean distances.
    Ward,
    /// Mean distance between members (UPGMA): sound for any dissimilarity.
    Average,
}

/// Two clusters joined. Clusters `0..n` are the classes; merge `i` makes cluster `n + i`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// The cluster of lower number.
    pub first: usize,
    /// The cluster of higher number.
    pub second: usize,
    /// Dissimilarity at which they join.
    pub height: f64,
    /// Number of classes in the new cluster.
    pub size: usize,
}

/// How well a tree of readout vectors follows a category hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HierarchyAgreement {
    /// Spearman's rank correlation, over pairs of classes, of the height at which they join
    /// with their distance in the hierarchy.
    pub spearman: f64,
    /// Share of shufflings of the classes with a correlation at least as high.
    pub p: Option<f64>,
}

/// A dendrogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// How clusters were joined.
    pub linkage: Linkage,
    /// The merges, lowest first: `[n_classes − 1]`.
    pub merges: Vec<Merge>,
    /// Classes from left to right, as `SciPy`'s `dendrogram` draws them.
    pub leaves: Vec<usize>,
    /// Height at which each pair of classes joins, condensed.
    pub cophenetic: Vec<f64>,
    /// Agreement with the hierarchy, if there is one with more than one distance.
    pub hierarchy: Option<HierarchyAgreement>,
}

/// Spread of the lengths of readout vectors. Only unequal lengths can put a readout vector
/// outside its own zone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormSpread {
    /// Shortest.
    pub smallest: f64,
    /// Mean.
    pub mean: f64,
    /// Longest.
    pub largest: f64,
    /// Standard deviation (denominator: number of classes).
    pub deviation: f64,
}

impl NormSpread {
    pub(crate) fn of(norms: &[f64]) -> Self {
        let n = norms.len() as f64;
        let mean = norms.iter().sum::<f64>() / n;
        let variance = norms.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        Self {
            smallest: norms.iter().copied().fold(f64::INFINITY, f64::min),
            mean,
            largest: norms.iter().copied().fold(0.0, f64::max),
            deviation: variance.sqrt(),
        }
    }
}

/// Figure 1B: similarity of readout vectors, as a tree.
///
/// `D_ij = (1 − cos(w_i, w_j)) / 2`, condensed: upper triangle, row by row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadoutSimilarity {
    /// Class names.
    pub classes: Vec<String>,
    /// `D_ij` for `i < j`.
    pub dissimilarities: Vec<f64>,
    /// Ward and average linkage.
    pub trees: Vec<Tree>,
    /// `‖w_k‖₂` per class.
    pub norms: Vec<f64>,
    /// Their spread.
    pub norm_spread: NormSpread,
}

impl Analysis for ReadoutSimilarity {
    const NAME: &'static str = "readout_similarity";
    const TITLE: &'static str = "Which classes the readout holds alike";
    const SUMMARY: &'static str = "dendrogram of the readout vectors, against the category hierarchy";
    const DESCRIPTION: &'static str = "Every class has a readout vector. Half of one minus the cosine between two \
        of them says how different the readout takes the classes to be (0: same direction, 1: opposite). \
        Hierarchical clustering turns these numbers into a tree.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figure 1B; clustering: \
        Muellner 2011 (arXiv 1109.2378)";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let about = material.trajectories.description();
        let trajectories = || about.name.clone();
        let readout = about
            .readout
            .as_ref()
            .ok_or_else(|| Error::ReadoutAbsent { trajectories: trajectories(), analysis: Self::NAME })?;
        let (n_classes, n_units) = readout.weight.dim();
        let weight: Vec<f32> = readout.weight.iter().copied().collect();
        let norms: Vec<f64> = weight.chunks_exact(n_units).map(norm).collect();
        if let Some(class) = norms.iter().position(|&norm| norm == 0.0) {
            return Err(Error::ZeroReadout {
                trajectories: trajectories(),
                class: about.classes[class].clone(),
            });
        }
        let products = Panels::new(&weight, n_classes, n_units).products(&weight);
        let dissimilarities: Vec<f64> = pairs(n_classes)
            .map(|(i, j)| {
                let cosine = products[i * n_classes + j] / (norms[i] * norms[j]);
                (1.0 - cosine.clamp(-1.0, 1.0)) / 2.0
            })
            .collect();
        let distances = about.hierarchy.as_ref().map(|hierarchy| distances(hierarchy, n_classes));
        let trees = [Linkage::Ward, Linkage::Average]
            .into_iter()
            .map(|linkage| {
                let mut tree = tree(&dissimilarities, n_classes, linkage);
                tree.hierarchy = distances
                    .as_ref()
                    .and_then(|distances| agreement(material, &tree.cophenetic, distances, n_classes));
                tree
            })
            .collect();
        let norm_spread = NormSpread::of(&norms);
        Ok(Self { classes: about.classes.clone(), dissimilarities, trees, norms, norm_spread })
    }

    fn tables(&self) -> Vec<Table> {
        let mut pair_table = Table::new(
            "pairs",
            &[
                ("class_a", "", "a class"),
                ("class_b", "", "another class"),
                ("dissimilarity", "", "(1 - cosine) / 2 of the two readout vectors"),
                ("ward", "", "height at which the two join under Ward's linkage"),
                ("average", "", "height at which the two join under average linkage"),
            ],
        );
        for (index, (a, b)) in pairs(self.classes.len()).enumerate() {
            let height = |linkage: Linkage| {
                self.trees.iter().find(|tree| tree.linkage == linkage).map(|tree| tree.cophenetic[index])
            };
            pair_table.push(vec![
                self.classes[a].as_str().into(),
                self.classes[b].as_str().into(),
                self.dissimilarities[index].into(),
                height(Linkage::Ward).into(),
                height(Linkage::Average).into(),
            ]);
        }
        let mut norms = Table::new(
            "norms",
            &[("class", "", "class"), ("norm", "weight", "Euclidean length of its readout vector")],
        );
        for (class, &norm) in self.classes.iter().zip(&self.norms) {
            norms.push(vec![class.as_str().into(), norm.into()]);
        }
        let mut merges = Table::new(
            "merges",
            &[
                ("linkage", "", "ward or average"),
                ("merge", "", "index of the merge, lowest first; it makes cluster number n_classes + merge"),
                ("first", "", "cluster of lower number; numbers below n_classes are classes"),
                ("second", "", "cluster of higher number"),
                ("height", "", "dissimilarity at which they join"),
                ("size", "classes", "classes in the new cluster"),
            ],
        );
        for tree in &self.trees {
            let name = match tree.linkage {
                Linkage::Ward => "ward",
                Linkage::Average => "average",
            };
            for (index, merge) in tree.merges.iter().enumerate() {
                merges.push(vec![
                    name.into(),
                    index.into(),
                    merge.first.into(),
                    merge.second.into(),
                    merge.height.into(),
                    merge.size.into(),
                ]);
            }
        }
        vec![pair_table, merges, norms]
    }
}

/// Pairs `i < j` in condensed order.
pub(crate) fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |i| (i + 1..n).map(move |j| (i, j)))
}

fn distances(hierarchy: &Hierarchy, n_classes: usize) -> Vec<f64> {
    let classes = 0..n_classes * n_classes;
    classes.map(|pair| hierarchy.distance(pair / n_classes, pair % n_classes) as f64).collect()
}

fn tree(dissimilarities: &[f64], n: usize, linkage: Linkage) -> Tree {
    let method = match linkage {
        Linkage::Ward => Method::Ward,
        Linkage::Average => Method::Average,
    };
    let merges: Vec<Merge> = if n < 2 {
        Vec::new()
    } else {
        kodama::linkage(&mut dissimilarities.to_vec(), n, method)
            .steps()
            .iter()
            .map(|step| Merge {
                first: step.cluster1.min(step.cluster2),
                second: step.cluster1.max(step.cluster2),
                height: step.dissimilarity,
                size: step.size,
            })
            .collect()
    };
    let mut members: Vec<Vec<usize>> = (0..n).map(|class| vec![class]).collect();
    let mut heights = vec![0.0; n * n];
    for merge in &merges {
        for &a in &members[merge.first] {
            for &b in &members[merge.second] {
                heights[a.min(b) * n + a.max(b)] = merge.height;
            }
        }
        members.push([members[merge.first].as_slice(), &members[merge.second]].concat());
    }
    let cophenetic = pairs(n).map(|(i, j)| heights[i * n + j]).collect();
    Tree { linkage, merges, leaves: members.pop().unwrap_or_default(), cophenetic, hierarchy: None }
}

/// Rank correlation of a tree with the hierarchy, and its permutation test: classes change
/// their places in the hierarchy, permutation `b` drawn at `(seed, [b, 2])`.
fn agreement(
    material: &Material,
    cophenetic: &[f64],
    distances: &[f64],
    n: usize,
) -> Option<HierarchyAgreement> {
    let heights = ranks(cophenetic);
    let far: Vec<f64> = ranks(&pairs(n).map(|(i, j)| distances[i * n + j]).collect::<Vec<_>>());
    let spearman = correlation(&heights, &far)?;
    let mut ranked = vec![0.0; n * n];
    for ((i, j), &rank) in pairs(n).zip(&far) {
        ranked[i * n + j] = rank;
        ranked[j * n + i] = rank;
    }
    let uncertainty = &material.options.uncertainty;
    let null: Vec<f64> = (0..uncertainty.replicates)
        .into_par_iter()
        .filter_map(|b| {
            let mut place: Vec<usize> = (0..n).collect();
            Stream::new(uncertainty.seed, &[b as u64, 2]).shuffle(&mut place);
            let moved: Vec<f64> = pairs(n).map(|(i, j)| ranked[place[i] * n + place[j]]).collect();
            correlation(&heights, &moved)
        })
        .collect();
    Some(HierarchyAgreement { spearman, p: p_value(spearman, &null) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};

    #[derive(Deserialize)]
    struct Reference {
        n: usize,
        condensed: Vec<f64>,
        ward: Vec<[f64; 4]>,
        ward_leaves: Vec<usize>,
        ward_cophenetic: Vec<f64>,
        average: Vec<[f64; 4]>,
        average_leaves: Vec<usize>,
        average_cophenetic: Vec<f64>,
    }

    /// `tests/linkage.json` is written by `tests/linkage.py` with `SciPy`.
    #[test]
    fn trees_are_those_of_scipy() {
        let reference: Vec<Reference> = serde_json::from_str(include_str!("../tests/linkage.json")).unwrap();
        for case in reference {
            for (linkage, merges, leaves, cophenetic) in [
                (Linkage::Ward, &case.ward, &case.ward_leaves, &case.ward_cophenetic),
                (Linkage::Average, &case.average, &case.average_leaves, &case.average_cophenetic),
            ] {
                let found = tree(&case.condensed, case.n, linkage);
                assert_eq!(found.merges.len(), merges.len());
                for (merge, expected) in found.merges.iter().zip(merges) {
                    let numbers = [merge.first, merge.second, merge.size].map(|number| number as f64);
                    assert_eq!(numbers, [expected[0], expected[1], expected[3]]);
                    close(merge.height, expected[2]);
                }
                assert_eq!(&found.leaves, leaves);
                found.cophenetic.iter().zip(cophenetic).for_each(|(&a, &b)| close(a, b));
            }
        }
    }

    #[test]
    fn dissimilarities_are_half_of_one_minus_the_cosine() {
        let fixture = Fixture::random(20, 3);
        material(&fixture, |material| {
            let found = ReadoutSimilarity::analyse(material).unwrap();
            let weight = fixture.readout().weight.mapv(f64::from);
            for ((i, j), &dissimilarity) in pairs(found.classes.len()).zip(&found.dissimilarities) {
                let (a, b) = (weight.row(i), weight.row(j));
                close(dissimilarity, (1.0 - a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()) / 2.0);
            }
            assert!(found.trees.iter().all(|tree| tree.hierarchy.unwrap().p.is_some()));
        });
    }

    #[test]
    fn one_class_is_a_tree_of_one_leaf() {
        let found = tree(&[], 1, Linkage::Ward);
        assert_eq!((found.merges.len(), found.leaves), (0, vec![0]));
    }
}
