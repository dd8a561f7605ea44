//! The hash tree over all records, as in RFC 6962: one root stands for every record before it.
//!
//! Of a growing tree only the right edge is kept: at most 64 hashes, whatever the length of the journal. Whoever proves
//! single records to others lays out the whole tree ([`Levels`]).

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of one leaf. The leading 0 keeps a leaf from ever being taken for an inner node.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// How many of several leaves are in the left subtree: the largest power of two below their number.
fn left_part(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// A growing tree: the roots of its complete subtrees, largest first.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    edge: Vec<Hash>,
}

impl Tree {
    /// How many leaves have been added.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Every one bit at the low end of the old size is a complete subtree as large as the one in hand.
        for _ in 0..self.size.trailing_ones() {
            let left = self.edge.pop().expect("each one bit of the size has its hash in the edge");
            hash = node_hash(&left, &hash);
        }
        self.edge.push(hash);
        self.size += 1;
    }

    /// The root over all leaves so far; of no leaves, the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut hashes = self.edge.iter().rev();
        match hashes.next() {
            None => Sha256::digest([]).into(),
            Some(last) => hashes.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// A whole tree, level by level, from which every path and every tile can be read off.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    /// The leaf hashes, and above them the nodes that are complete: node *i* of level *l* covers 2^*l* leaves.
    levels: Vec<Vec<Hash>>,
}

impl Levels {
    /// Over these leaf hashes.
    pub fn over(leaves: Vec<Hash>) -> Levels {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let above = below.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
            levels.push(above);
        }
        Levels { levels }
    }

    /// The complete nodes that cover 2^`level` leaves each.
    pub fn at(&self, level: usize) -> &[Hash] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// The path of RFC 6962 from leaf `index` to the root over the first `size` leaves: the hashes beside it, from
    /// the leaf's own neighbour up. `None` where there is no such leaf.
    pub fn path(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        if index >= size || size > self.at(0).len() as u64 {
            return None;
        }
        let (mut low, mut high, mut path) = (0, size, Vec::new());
        while high - low > 1 {
            let middle = low + left_part(high - low);
            if index < middle {
                path.push(self.range(middle, high));
                high = middle;
            } else {
                path.push(self.range(low, middle));
                low = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// The root over some leaves that are a subtree.
    fn range(&self, low: u64, high: u64) -> Hash {
        let count = high - low;
        if count.is_power_of_two() {
            let place = usize::try_from(low / count).expect("there are so many nodes in memory");
            return self.levels[count.ilog2() as usize][place];
        }
        let middle = low + left_part(count);
        node_hash(&self.range(low, middle), &self.range(middle, high))
    }
}

/// The root that a path leads to from a leaf; `None` if it has not the length that this place in this tree needs.
pub fn root_by_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut low, mut high, mut is_left) = (0, size, Vec::new());
    while high - low > 1 {
        let middle = low + left_part(high - low);
        is_left.push(index < middle);
        if index < middle { high = middle } else { low = middle }
    }
    if is_left.len() != path.len() {
        return None;
    }
    let steps = is_left.iter().rev().zip(path);
    Some(steps.fold(
        leaf,
        |hash, (is_left, beside)| {
            if *is_left { node_hash(&hash, beside) } else { node_hash(beside, &hash) }
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962 section 2.1, word for word: the slow definition that the quick one must agree with.
    fn root_by_definition(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => Sha256::digest([]).into(),
            1 => leaves[0],
            count => {
                let split = count.next_power_of_two() / 2;
                node_hash(&root_by_definition(&leaves[..split]), &root_by_definition(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_rfc_6962_for_every_size() {
        let leaves: Vec<Hash> = (0..130_u8).map(|byte| leaf_hash(&[byte])).collect();
        let mut tree = Tree::default();
        for size in 0..leaves.len() {
            assert_eq!(tree.root(), root_by_definition(&leaves[..size]), "size {size}");
            tree.push(leaves[size]);
        }
    }

    #[test]
    fn known_answers_of_certificate_transparency_hold() {
        let hex = |hash: Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut tree = Tree::default();
        assert_eq!(hex(tree.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        tree.push(leaf_hash(b""));
        assert_eq!(hex(tree.root()), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        tree.push(leaf_hash(&[0]));
        assert_eq!(hex(tree.root()), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }

    #[test]
    fn a_path_leads_from_every_leaf_to_the_root_of_every_size_and_to_no_other() {
        let leaves: Vec<Hash> = (0..70_u8).map(|byte| leaf_hash(&[byte])).collect();
        let levels = Levels::over(leaves.clone());
        for size in 1..=leaves.len() {
            let root = root_by_definition(&leaves[..size]);
            for (index, leaf) in leaves[..size].iter().enumerate() {
                let path = levels.path(index as u64, size as u64).unwrap();
                let led = |index: u64, path: &[Hash]| root_by_path(*leaf, index, size as u64, path);
                assert_eq!(led(index as u64, &path), Some(root), "leaf {index} of {size}");
                if size > 1 {
                    assert_ne!(led((index as u64 + 1) % size as u64, &path), Some(root));
                }
                let longer: Vec<Hash> = path.iter().copied().chain([root]).collect();
                assert_eq!(led(index as u64, &longer), None);
            }
            assert_eq!(levels.path(size as u64, size as u64), None);
        }
    }
}
