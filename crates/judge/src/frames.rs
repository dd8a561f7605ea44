//! How long is the frame of MP3 sound that begins here?

/// Bytes of the frame (MP3, or AAC as a stream) that begins here.
pub(super) fn frame_size(bytes: &[u8]) -> Option<u64> {
    let [0xff, second, third, ..] = *bytes else { return None };
    if second & 0xe0 != 0xe0 {
        return None;
    }
    // AAC has the same mark, and its length in the head.
    if second & 0xf6 == 0xf0 {
        let [_, _, _, fourth, fifth, sixth, ..] = *bytes else { return None };
        let size = u64::from(fourth & 3) << 11 | u64::from(fifth) << 3 | u64::from(sixth >> 5);
        return (size > 7 && third >> 2 & 15 < 13).then_some(size);
    }
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    let (rate, frequency) = (usize::from(third >> 4), usize::from(third >> 2 & 3));
    if version == 1 || layer == 0 || rate == 0 || rate == 15 || frequency == 3 {
        return None;
    }
    const RATES: [[u64; 15]; 5] = [
        [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let first = version == 3;
    let row = match (first, layer) {
        (true, 3) => 0,
        (true, 2) => 1,
        (true, _) => 2,
        (false, 3) => 3,
        (false, _) => 4,
    };
    let halved = match version {
        3 => 0,
        2 => 1,
        _ => 2,
    };
    let hertz = [44_100_u64, 48_000, 32_000][frequency] >> halved;
    let padding = u64::from(third >> 1 & 1);
    let bits = RATES[row][rate] * 1000;
    Some(match layer {
        3 => (12 * bits / hertz + padding) * 4,
        1 if !first => 72 * bits / hertz + padding,
        _ => 144 * bits / hertz + padding,
    })
}
