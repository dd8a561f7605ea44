//! One pass of coded picture data, decoded code by code as far as the number of blocks demands. Pixels are not made.
//!
//! Whatever was changed in it shifts the codes that follow, and then the number of blocks does not come out: data is left
//! when the picture is complete, or the other way round. That finds single bytes, where the rule of the bytes FF needs many.

use super::bits::{Bits, Decoded, Flaw, Table};

/// Blocks whose coefficients are remembered: 32 MiB, a picture of 170 megapixels.
pub(super) const BLOCKS_MAX: u64 = 4 << 20;

/// How blocks are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Sequential,
    Progressive,
    /// Every sample on its own.
    Lossless,
}

pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks of it in a group of blocks, across and down.
    across: u64,
    down: u64,
    /// Blocks of it in the picture.
    blocks: u64,
    pub(super) was_coded: bool,
    /// Progressive: which coefficients of each block are known not to be zero.
    known: Vec<u64>,
}

pub(super) struct Frame {
    pub(super) mode: Mode,
    pub(super) components: Vec<Component>,
    groups: u64,
}

impl Frame {
    /// From the head of the picture, behind its length. `None`: no decoder knows what to do with it.
    pub(super) fn new(mode: Mode, head: &[u8]) -> Option<Frame> {
        let [_precision, high1, high2, wide1, wide2, count, rest @ ..] = head else { return None };
        let high = u64::from(u16::from_be_bytes([*high1, *high2]));
        let wide = u64::from(u16::from_be_bytes([*wide1, *wide2]));
        let listed: Vec<(u8, u64, u64)> = rest
            .chunks_exact(3)
            .take(usize::from(*count))
            .map(|one| (one[0], u64::from(one[1] >> 4), u64::from(one[1] & 15)))
            .collect();
        let fits = |side: u64| (1..=4).contains(&side);
        if !(1..=4).contains(count)
            || listed.len() != usize::from(*count)
            || wide == 0
            || !listed.iter().all(|(_, across, down)| fits(*across) && fits(*down))
        {
            return None;
        }
        let most_across = listed.iter().map(|(_, across, _)| *across).max().unwrap_or(1);
        let most_down = listed.iter().map(|(_, _, down)| *down).max().unwrap_or(1);
        let side = if mode == Mode::Lossless { 1 } else { 8 };
        let component = |(id, across, down): (u8, u64, u64)| Component {
            id,
            across,
            down,
            blocks: (wide * across).div_ceil(most_across).div_ceil(side)
                * (high * down).div_ceil(most_down).div_ceil(side),
            was_coded: false,
            known: Vec::new(),
        };
        Some(Frame {
            mode,
            components: listed.into_iter().map(component).collect(),
            groups: wide.div_ceil(side * most_across) * high.div_ceil(side * most_down),
        })
    }

    /// Its height is not 0, which means that it follows the picture.
    pub(super) fn has_height(&self) -> bool {
        self.groups > 0
    }

    pub(super) fn blocks(&self) -> u64 {
        self.components.iter().map(|component| component.blocks).sum()
    }
}

/// A component in this pass, and the tables for it.
struct Member<'t> {
    component: usize,
    direct: Option<&'t Table>,
    other: Option<&'t Table>,
}

/// What the head of a pass says.
pub(super) struct Scan<'t> {
    members: Vec<Member<'t>>,
    first: u32,
    last: u32,
    /// Refines what an earlier pass began.
    refines: bool,
    /// Groups of blocks between two marks; 0 for none.
    pub(super) restart: u64,
    /// Blocks still to come of which nothing is written.
    empty: u32,
}

#[derive(Default)]
pub(super) struct Tables {
    pub(super) direct: [Option<Table>; 4],
    pub(super) other: [Option<Table>; 4],
}

impl<'t> Scan<'t> {
    /// From the head of the pass, behind its length. `None`: it does not fit the picture.
    pub(super) fn new(head: &[u8], frame: &Frame, tables: &'t Tables, restart: u64) -> Option<Scan<'t>> {
        let (count, rest) = head.split_first()?;
        let listed = rest.get(..2 * usize::from(*count))?;
        let [first, last, high_low] = *rest.get(2 * usize::from(*count)..)?.first_chunk::<3>()?;
        let members: Option<Vec<Member<'t>>> = listed
            .chunks_exact(2)
            .map(|two| {
                let component = frame.components.iter().position(|component| component.id == two[0])?;
                let direct = tables.direct.get(usize::from(two[1] >> 4))?.as_ref();
                let other = tables.other.get(usize::from(two[1] & 15))?.as_ref();
                Some(Member { component, direct, other })
            })
            .collect();
        let members = members.filter(|members| (1..=4).contains(&members.len()))?;
        let (first, last) = (u32::from(first), u32::from(last));
        if frame.mode == Mode::Progressive
            && (first > last || last > 63 || (first == 0) != (last == 0) || (first > 0 && members.len() > 1))
        {
            return None;
        }
        Some(Scan { members, first, last, refines: high_low >> 4 > 0, restart, empty: 0 })
    }

    /// All the tables it needs are there. In the pictures of films they may be those of the standard, which nobody writes down.
    pub(super) fn has_tables(&self, mode: Mode) -> bool {
        let direct = match mode {
            Mode::Sequential | Mode::Lossless => true,
            Mode::Progressive => self.first == 0 && !self.refines,
        };
        let other = mode == Mode::Sequential || (mode == Mode::Progressive && self.first > 0);
        self.members
            .iter()
            .all(|member| (!direct || member.direct.is_some()) && (!other || member.other.is_some()))
    }

    /// Decodes the pass to its last block, and to the mark that follows.
    pub(super) fn run(&mut self, bits: &mut Bits<'_, '_>, frame: &mut Frame) -> Decoded<()> {
        // A pass of one component has its blocks in their order, one of several in groups.
        let alone = self.members.len() == 1;
        let units = if alone { frame.components[self.members[0].component].blocks } else { frame.groups };
        let (mut open, mut mark) = (self.restart, 0);
        for unit in 0..units {
            if self.restart > 0 && open == 0 {
                self.end_of_piece(bits)?;
                bits.pass_mark(0xd0 + mark)?;
                (open, mark) = (self.restart, (mark + 1) % 8);
            }
            open = open.saturating_sub(1);
            for member in 0..self.members.len() {
                let component = &frame.components[self.members[member].component];
                let blocks = if alone { 1 } else { component.across * component.down };
                for _ in 0..blocks {
                    self.block(bits, frame, member, unit)?;
                }
            }
        }
        self.end_of_piece(bits)?;
        self.is_taken_as_coded(frame);
        Ok(())
    }

    /// The components of this pass are there.
    pub(super) fn is_taken_as_coded(&self, frame: &mut Frame) {
        for member in &self.members {
            frame.components[member.component].was_coded = true;
        }
    }

    fn end_of_piece(&mut self, bits: &mut Bits<'_, '_>) -> Decoded<()> {
        let complete = self.empty == 0 && !bits.has_more()?;
        if complete { Ok(()) } else { Err(Flaw::Nonsense) }
    }

    #[inline]
    fn block(&mut self, bits: &mut Bits<'_, '_>, frame: &mut Frame, member: usize, unit: u64) -> Decoded<()> {
        let Member { component, direct, other } = &self.members[member];
        match (frame.mode, direct, other) {
            (Mode::Sequential, Some(direct), Some(other)) => {
                difference(bits, direct)?;
                bits.coefficients(other)
            }
            (Mode::Lossless, Some(direct), _) => difference(bits, direct),
            (Mode::Progressive, _, _) if self.first == 0 && self.refines => bits.take(1).map(drop),
            (Mode::Progressive, Some(direct), _) if self.first == 0 => difference(bits, direct),
            (Mode::Progressive, _, Some(other)) => {
                let (other, component) = (*other, &mut frame.components[*component]);
                if component.known.is_empty() {
                    component.known = vec![0; usize::try_from(component.blocks).unwrap_or(0)];
                }
                let known = usize::try_from(unit).ok().and_then(|at| component.known.get_mut(at));
                let known = known.ok_or(Flaw::Nonsense)?;
                if self.refines { self.refine(bits, other, known) } else { self.begin(bits, other, known) }
            }
            _ => Err(Flaw::Nonsense),
        }
    }

    /// Progressive: the first bits of some coefficients of a block.
    fn begin(&mut self, bits: &mut Bits<'_, '_>, table: &Table, known: &mut u64) -> Decoded<()> {
        if self.empty > 0 {
            self.empty -= 1;
            return Ok(());
        }
        let mut at = self.first;
        while at <= self.last {
            let symbol = bits.symbol(table)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 && run < 15 {
                self.empty = (1 << run) - 1 + bits.take(run)?;
                return Ok(());
            }
            at += run;
            if at > self.last {
                return Err(Flaw::Nonsense);
            }
            bits.skip(size)?;
            *known |= u64::from(size > 0) << at;
            at += 1;
        }
        Ok(())
    }

    /// Progressive: one bit more of every coefficient that is known, and new ones between them.
    fn refine(&mut self, bits: &mut Bits<'_, '_>, table: &Table, known: &mut u64) -> Decoded<()> {
        let mut at = self.first;
        while self.empty == 0 && at <= self.last {
            let symbol = bits.symbol(table)?;
            let (mut run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (run, size) {
                (_, 1) => bits.skip(1)?,
                (15, 0) => {}
                (_, 0) => {
                    self.empty = (1 << run) + bits.take(run)?;
                    break;
                }
                _ => return Err(Flaw::Nonsense),
            }
            // Over so many coefficients that are still zero, to the next one that is, or to the end of the pass.
            let in_pass = u64::MAX >> (63 - self.last) & (u64::MAX << at);
            let mut zeros = !*known & in_pass;
            while run > 0 && zeros > 0 {
                zeros &= zeros - 1;
                run -= 1;
            }
            let to = if zeros > 0 { zeros.trailing_zeros() } else { self.last + 1 };
            let passed = *known & in_pass & !u64::MAX.checked_shl(to).unwrap_or(0);
            bits.pass(passed.count_ones())?;
            at = to;
            if size > 0 {
                if at > self.last {
                    return Err(Flaw::Nonsense);
                }
                *known |= 1 << at;
            }
            at += 1;
        }
        if self.empty > 0 {
            let rest = u64::MAX >> (63 - self.last) & u64::MAX.checked_shl(at).unwrap_or(0);
            bits.pass((*known & rest).count_ones())?;
            self.empty -= 1;
        }
        Ok(())
    }
}

/// The difference of a value to the one before.
#[inline]
fn difference(bits: &mut Bits<'_, '_>, table: &Table) -> Decoded<()> {
    match bits.symbol(table)? {
        // Without loss: half of the range, which needs no further bits.
        16 => Ok(()),
        size @ 0..16 => bits.skip(u32::from(size)),
        _ => Err(Flaw::Nonsense),
    }
}
