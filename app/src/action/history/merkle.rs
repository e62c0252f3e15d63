//! The Merkle tree over history's lines (RFC 6962, section 2.1), as far as appending and its root need it: of the whole
//! tree only the roots of its perfect subtrees are kept, one for each bit that is set in its size.
//!
//! ```text
//! size 7 = 0b111:      ▲          the frontier: one root of 4 leaves, one of 2, one of 1
//!                    ▲   ▲   ▲
//! ```

use crate::action::challenge::sha256;
use data_encoding::BASE64URL_NOPAD;

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

    /// Its hashes, as unpadded base64url.
    pub fn to_text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.roots.concat())
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn append(&mut self, leaf: &[u8]) {
        let mut hash = leaf_hash(leaf);
        // Each bit that the size carries over is a subtree that is full now.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root of the tree; of an empty one, the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        let Some(last) = roots.next() else { return sha256(b"") };
        roots.fold(*last, |right, left| node_hash(left, &right))
    }
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
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use sha2::Sha256;

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
