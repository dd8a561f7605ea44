//! The hash tree as C2SP tlog-tiles lays it out: files of 256 hashes, and the leaves in bundles of 256.

use journal::tree::Levels;

/// Hashes in a full tile.
const WIDTH: usize = 256;
/// Levels of the tree in one level of tiles.
const HEIGHT: usize = 8;

/// Where tile `number` of a level lies; `level` is a number, or `entries`.
fn path(level: &str, number: usize, width: usize) -> String {
    let mut name = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1000);
        rest /= 1000;
    }
    let partial = if width == WIDTH { String::new() } else { format!(".p/{width}") };
    format!("log/tile/{level}/{name}{partial}")
}

/// Every tile of hashes of the tree over `levels`, in order.
pub fn hashes(levels: &Levels) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..HEIGHT).take_while(|level| !levels.at(level * HEIGHT).is_empty()).flat_map(move |level| {
        let tiles = levels.at(level * HEIGHT).chunks(WIDTH).enumerate();
        tiles.map(move |(number, tile)| (path(&level.to_string(), number, tile.len()), tile.concat()))
    })
}

/// Gathers leaves into bundles.
#[derive(Default)]
pub struct Bundles {
    number: usize,
    width: usize,
    bytes: Vec<u8>,
}

impl Bundles {
    /// Adds the next leaf; the bundle that it fills, if it does. `None` inside: a leaf that is longer than a bundle allows.
    pub fn push(&mut self, leaf: &[u8]) -> Option<Option<(String, Vec<u8>)>> {
        self.bytes.extend_from_slice(&u16::try_from(leaf.len()).ok()?.to_be_bytes());
        self.bytes.extend_from_slice(leaf);
        self.width += 1;
        Some((self.width == WIDTH).then(|| self.take()))
    }

    /// The last one, if it is not full.
    pub fn rest(mut self) -> Option<(String, Vec<u8>)> {
        (self.width > 0).then(|| self.take())
    }

    fn take(&mut self) -> (String, Vec<u8>) {
        let full = (path("entries", self.number, self.width), std::mem::take(&mut self.bytes));
        (self.number, self.width) = (self.number + 1, 0);
        full
    }
}
