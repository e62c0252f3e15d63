//! The Merkle tree over history's lines (RFC 6962, section 2.1).
//!
//! Appending, and the root, need of the whole tree only the roots of its largest perfect subtrees, one for each bit that is
//! set in its size: the frontier.
//!
//! ```text
//! size 7 = 0b111:      ▲          the frontier: one root of 4 leaves, one of 2, one of 1
//!                    ▲   ▲   ▲
//! ```
//!
//! Proofs need others, too, but only ever roots of perfect subtrees. Each of these is complete when its last leaf is appended,
//! and never changes again: [`Frontier::append`] gives those that a leaf completes, and whoever keeps them with the leaf has
//! every proof of every size within a few reads.

use crate::action::challenge::sha256;
use data_encoding::BASE64URL_NOPAD;
use std::ops::Range;

/// A hash of the tree.
pub type Hash = [u8; 32];

/// The right edge of a tree: enough to append to it and to know its root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// The largest subtree first.
    roots: Vec<Hash>,
}

impl Frontier {
    /// The frontier that [`Frontier::to_text`] wrote for a tree of this size.
    pub fn from_text(size: u64, text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let roots: Vec<Hash> = bytes.chunks(32).map(|chunk| chunk.try_into().ok()).collect::<Option<_>>()?;
        (roots.len() == size.count_ones() as usize).then_some(Self { size, roots })
    }

    /// The perfect subtrees that a tree of this size consists of, the largest first.
    pub fn subtrees(size: u64) -> Vec<Subtree> {
        perfect_subtrees(0..size)
    }

    /// The frontier of a tree of this size, by the roots of its [`Frontier::subtrees`]; nothing, if one isn't known.
    pub fn at(size: u64, known: impl Fn(Subtree) -> Option<Hash>) -> Option<Self> {
        let roots = Self::subtrees(size).into_iter().map(known).collect::<Option<_>>()?;
        Some(Self { size, roots })
    }

    /// Its hashes, as unpadded base64url.
    pub fn to_text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.roots.concat())
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf. Gives the roots of the perfect subtrees that it completes: of itself, of two leaves, of four, and so on,
    /// one for each bit that the size carries over, and one.
    pub fn append(&mut self, leaf: &[u8]) -> Vec<Hash> {
        let mut hash = leaf_hash(leaf);
        let mut completed = vec![hash];
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
                completed.push(hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
        completed
    }

    /// The root of the tree; of an empty one, the hash of nothing.
    pub fn root(&self) -> Hash {
        joined(&self.roots).unwrap_or_else(|| sha256(b""))
    }
}

/// The root over perfect subtrees that stand side by side, the largest first; nothing, of none.
fn joined(roots: &[Hash]) -> Option<Hash> {
    let (last, others) = roots.split_last()?;
    Some(others.iter().rfold(*last, |right, left| node_hash(left, &right)))
}

/// A perfect subtree: the one over `2^level` leaves that is the `place`th of its size, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subtree {
    /// How high it is: 0 for a leaf.
    pub level: u32,
    /// How many of its size stand before it.
    pub place: u64,
}

impl Subtree {
    /// The index of its last leaf, which completes it.
    pub const fn last_leaf(self) -> u64 {
        ((self.place + 1) << self.level) - 1
    }
}

/// What a proof is made of: for each of its hashes, in order, the perfect subtrees over which it is the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofPlan(Vec<Vec<Subtree>>);

impl ProofPlan {
    /// That a leaf is in the tree of this size (RFC 6962, section 2.1.1); nothing, when it isn't.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let mut ranges = Vec::new();
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = start + largest_power_below(end - start);
            if index < middle {
                ranges.push(middle..end);
                end = middle;
            } else {
                ranges.push(start..middle);
                start = middle;
            }
        }
        Some(Self::of(ranges))
    }

    /// That the tree of one size begins with the tree of a smaller one (RFC 6962, section 2.1.2); nothing, when it isn't
    /// smaller, or empty. Between equal sizes there is nothing to prove, and the proof is empty.
    pub fn consistency(from: u64, to: u64) -> Option<Self> {
        if from == 0 || from > to {
            return None;
        }
        let mut ranges = Vec::new();
        let (mut start, mut end) = (0, to);
        while end > from {
            let middle = start + largest_power_below(end - start);
            if from <= middle {
                ranges.push(middle..end);
                end = middle;
            } else {
                ranges.push(start..middle);
                start = middle;
            }
        }
        // Whoever asks knows the root of the smaller tree, and needs no hash for it where it is a subtree of the larger one.
        if start > 0 {
            ranges.push(start..end);
        }
        Some(Self::of(ranges))
    }

    /// The ranges were found from the root down, and a proof is read from the leaf up.
    fn of(ranges: Vec<Range<u64>>) -> Self {
        Self(ranges.into_iter().rev().map(perfect_subtrees).collect())
    }

    /// All subtrees whose roots it needs.
    pub fn subtrees(&self) -> impl Iterator<Item = Subtree> {
        self.0.iter().flatten().copied()
    }

    /// The proof's hashes; nothing, when a root isn't known.
    pub fn fill(&self, known: impl Fn(Subtree) -> Option<Hash>) -> Option<Vec<Hash>> {
        let root = |subtrees: &Vec<Subtree>| {
            let roots: Option<Vec<Hash>> = subtrees.iter().map(|subtree| known(*subtree)).collect();
            joined(&roots?)
        };
        self.0.iter().map(root).collect()
    }
}

/// The largest power of two that is smaller than this size of at least 2.
const fn largest_power_below(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The largest perfect subtrees over a range that is a node of some tree, from left to right.
fn perfect_subtrees(range: Range<u64>) -> Vec<Subtree> {
    let mut found = Vec::new();
    let mut start = range.start;
    while start < range.end {
        // The range begins where all of its subtrees may begin: its own bits tell which there are.
        let level = (range.end - start).ilog2();
        found.push(Subtree { level, place: start >> level });
        start += 1 << level;
    }
    found
}

fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0], leaf].concat())
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left.as_slice(), right].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ct_merkle::{ConsistencyProof, InclusionProof, mem_backed_tree::MemoryBackedTree};
    use sha2::Sha256;
    use std::collections::HashMap;

    #[test]
    fn a_frontier_of_before_is_known_by_the_roots_that_were_kept() {
        let (mut frontier, mut known) = (Frontier::default(), HashMap::new());
        let mut before = vec![frontier.clone()];
        for index in 0..130_u64 {
            for (level, root) in (0_u32..).zip(frontier.append(&index.to_be_bytes())) {
                known.insert(Subtree { level, place: index >> level }, root);
            }
            before.push(frontier.clone());
        }
        for (size, then) in (0_u64..).zip(&before) {
            assert_eq!(Frontier::at(size, |subtree| known.get(&subtree).copied()).as_ref(), Some(then));
        }
        assert_eq!(Frontier::at(131, |subtree| known.get(&subtree).copied()), None, "there never were so many");
    }

    #[test]
    fn the_root_is_that_of_another_implementation() {
        let (mut ours, mut theirs) = (Frontier::default(), MemoryBackedTree::<Sha256, Vec<u8>>::new());
        for number in 0..300_u32 {
            let leaf = number.to_be_bytes().to_vec();
            ours.append(&leaf);
            theirs.push(leaf);
            assert_eq!(ours.root().as_slice(), theirs.root().as_bytes().as_slice(), "{number}");
            assert_eq!(Frontier::from_text(ours.size(), &ours.to_text()).as_ref(), Some(&ours));
        }
    }

    type Theirs = MemoryBackedTree<Sha256, Vec<u8>>;

    /// Both trees over the first numbers, and every root that ours completed.
    fn trees(size: u32) -> (Vec<Theirs>, HashMap<Subtree, Hash>) {
        let (mut ours, mut theirs) = (Frontier::default(), Theirs::new());
        let (mut known, mut all) = (HashMap::new(), vec![Theirs::new()]);
        for number in 0..size {
            let leaf = number.to_be_bytes().to_vec();
            let index = ours.size();
            for (level, hash) in (0..).zip(ours.append(&leaf)) {
                let subtree = Subtree { level, place: index >> level };
                assert_eq!(subtree.last_leaf(), index);
                assert_eq!(known.insert(subtree, hash), None);
            }
            theirs.push(leaf);
            let mut so_far = Theirs::new();
            (0..=number).for_each(|number| so_far.push(number.to_be_bytes().to_vec()));
            all.push(so_far);
        }
        (all, known)
    }

    #[test]
    fn every_inclusion_proof_convinces_another_implementation() {
        let (trees, known) = trees(70);
        for (size, tree) in trees.iter().enumerate() {
            for index in 0..size {
                let plan = ProofPlan::inclusion(index as u64, size as u64).unwrap();
                let proof = plan.fill(|subtree| known.get(&subtree).copied()).unwrap();
                let theirs = InclusionProof::<Sha256>::try_from_bytes(proof.concat()).unwrap();
                let leaf = u32::try_from(index).unwrap().to_be_bytes().to_vec();
                tree.root().verify_inclusion(&leaf, index as u64, &theirs).unwrap_or_else(|error| panic!("{index} of {size}: {error}"));
                assert_eq!(proof.concat(), tree.prove_inclusion(index).as_bytes(), "{index} of {size}");
            }
            assert_eq!(ProofPlan::inclusion(size as u64, size as u64), None);
        }
    }

    #[test]
    fn every_consistency_proof_convinces_another_implementation() {
        let (trees, known) = trees(70);
        for (to, tree) in trees.iter().enumerate() {
            for (from, earlier) in trees.iter().enumerate().take(to + 1).skip(1) {
                let plan = ProofPlan::consistency(from as u64, to as u64).unwrap();
                let proof = plan.fill(|subtree| known.get(&subtree).copied()).unwrap();
                if from == to {
                    assert_eq!(proof, Vec::<Hash>::new());
                    continue;
                }
                let theirs = ConsistencyProof::<Sha256>::try_from_bytes(proof.concat()).unwrap();
                tree.root().verify_consistency(&earlier.root(), &theirs).unwrap_or_else(|error| panic!("{from} to {to}: {error}"));
                assert_eq!(proof.concat(), tree.prove_consistency(to - from).as_bytes(), "{from} to {to}");
            }
            assert_eq!(ProofPlan::consistency(0, to as u64), None);
            assert_eq!(ProofPlan::consistency(to as u64 + 1, to as u64), None);
        }
    }

    #[test]
    fn a_proof_of_a_large_tree_needs_few_roots() {
        let size = 1_000_003;
        for index in [0, 1, 524_287, 524_288, 999_999, 1_000_002] {
            assert!(ProofPlan::inclusion(index, size).unwrap().subtrees().count() < 40);
            assert!(ProofPlan::consistency(index + 1, size).unwrap().subtrees().count() < 60);
        }
        let largest = ProofPlan::inclusion(0, u64::MAX).unwrap();
        assert_eq!(largest.0.len(), 64);
        assert!(largest.fill(|_| None).is_none());
    }

    #[test]
    fn the_empty_tree_is_the_hash_of_nothing() {
        assert_eq!(
            data_encoding::HEXLOWER.encode(&Frontier::default().root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_text_of_another_size_is_no_frontier() {
        let mut tree = Frontier::default();
        tree.append(b"a");
        tree.append(b"b");
        tree.append(b"c");
        assert!(Frontier::from_text(2, &tree.to_text()).is_none());
        assert!(Frontier::from_text(3, "AAAA").is_none());
        assert!(Frontier::from_text(0, "").is_some_and(|empty| empty == Frontier::default()));
    }
}
