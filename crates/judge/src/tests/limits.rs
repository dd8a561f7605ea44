//! A limit that is reached never makes a file whole: what was not looked at to its end is not `clean`, and is compared with
//! the previous version.

use super::specimens::{self, Dice, Passes, jpeg_in, text};
use crate::*;

fn beside(name: &str, now: &[u8], before: &[u8]) -> Judgement {
    compare(name, &mut &*now, &judge_bytes(name, now), &mut &*before, &judge_bytes(name, before).facts)
}

/// Random bytes that keep the rule of JPEG: none is FF, or each FF is followed by 00.
fn by_the_rule(seed: u64, length: usize, with_ff: bool) -> Vec<u8> {
    let mut bytes = Dice::new(seed).bytes(length);
    for at in 0..length {
        if bytes[at] == 0xff && (!with_ff || at + 1 == length) {
            bytes[at] = 0x7f;
        } else if bytes[at] == 0xff {
            bytes[at + 1] = 0;
        }
    }
    bytes
}

#[test]
fn a_long_picture_whose_codes_were_replaced_by_the_rule_is_never_clean_and_an_attack_beside_the_previous_version()
 {
    let files = (1..=3).flat_map(|seed| {
        [Passes::One, Passes::Marked(7), Passes::Lossless]
            .map(|passes| (seed, jpeg_in(seed, 414_000, passes)))
    });
    for (seed, clean) in files {
        assert!(judge_bytes("photo.jpg", &clean).verdict.is_clean());
        for with_ff in [false, true] {
            let mut hit = clean.clone();
            let end = hit.len() - 2;
            hit[1500..end].copy_from_slice(&by_the_rule(seed, end - 1500, with_ff));
            let alone = judge_bytes("photo.jpg", &hit);
            assert_ne!(alone.verdict, Verdict::Clean, "{seed} {with_ff}: {alone:?}");
            let found = beside("photo.jpg", &hit, &clean);
            assert_eq!(found.verdict, Verdict::Encrypted, "{seed} {with_ff}: {found:?}");
        }
    }
}

#[test]
fn one_random_block_in_a_long_picture_is_not_clean_alone_and_seen_beside_the_previous_version() {
    let clean = jpeg_in(9, 414_000, Passes::One);
    let mut missed = 0;
    for seed in 1..=40 {
        let mut hit = clean.clone();
        let at = 2000 + Dice::new(seed).below(400_000);
        hit[at..at + 256].copy_from_slice(&by_the_rule(seed, 256, true));
        let alone = judge_bytes("photo.jpg", &hit);
        assert_ne!(alone.verdict, Verdict::Clean, "{seed}: {alone:?}");
        missed += u32::from(beside("photo.jpg", &hit, &clean).verdict.is_clean());
    }
    assert!(missed <= 1, "{missed} of 40 missed");
}

#[test]
fn another_photo_and_a_photo_saved_again_in_the_same_length_are_no_attack() {
    for (first, second) in [(1, 2), (3, 4)] {
        let before = jpeg_in(first, 414_000, Passes::One);
        let mut now = jpeg_in(second, 414_000, Passes::One);
        assert!(beside("photo.jpg", &now, &before).verdict.is_clean());
        // Notes in front of the picture fill it up to the length of the other one.
        let Some(room) = before.len().checked_sub(now.len() + 4) else { continue };
        let Ok(size) = u16::try_from(room + 2) else { continue };
        let note = [&[0xff, 0xfe][..], &size.to_be_bytes(), &vec![b' '; room]].concat();
        now.splice(2..2, note);
        assert_eq!(now.len(), before.len());
        let found = beside("photo.jpg", &now, &before);
        assert!(found.verdict.is_clean(), "{found:?}");
    }
}

#[test]
fn whatever_is_clean_within_a_limit_is_clean_without_it() {
    let mut files = super::fuzz::corpus();
    files.push(("long.jpg".to_owned(), jpeg_in(7, 90_000, Passes::One)));
    for (name, clean) in files {
        if clean.len() < 600 || clean.len() > 100_000 {
            continue;
        }
        for seed in 1..=3 {
            let mut hit = clean.clone();
            let at = clean.len() / 4 * seed as usize - 100;
            hit[at..at + 256.min(clean.len() - at)]
                .copy_from_slice(&by_the_rule(seed, 256, true)[..256.min(clean.len() - at)]);
            let all = judge_bytes(&name, &hit).verdict;
            for limit in [0, 1, 600, 5000] {
                let found = judge_within(&name, &mut &*hit, Beside::Nothing, limit);
                let right = found.verdict != Verdict::Clean || all == Verdict::Clean;
                assert!(right, "{name} {seed} within {limit}: {found:?}, and {all:?} without");
            }
        }
    }
}

#[test]
fn coded_sound_is_not_decoded_and_not_called_clean() {
    let wav = |coding: u16, data: &[u8]| {
        let head =
            [&coding.to_le_bytes()[..], &[1, 0, 0x44, 0xac, 0, 0, 0x88, 0x58, 1, 0, 2, 0, 16, 0]].concat();
        let body = [
            b"WAVEfmt ",
            &16_u32.to_le_bytes()[..],
            &head,
            b"data",
            &(data.len() as u32).to_le_bytes(),
            data,
        ]
        .concat();
        [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
    };
    let found = judge_bytes("voice.wav", &wav(0x55, &Dice::new(1).bytes(40_000)));
    assert_ne!(found.verdict, Verdict::Clean, "{found:?}");
    let found = judge_bytes("voice.wav", &wav(1, &[0, 1, 2, 1].repeat(10_000)));
    assert_eq!(found.verdict, Verdict::Clean, "{found:?}");
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    for (name, content) in members {
        let mut head = [0; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        head[156] = b'0';
        let sum: u64 = head.iter().map(|byte| u64::from(*byte)).sum::<u64>() + 8 * 32;
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        file.extend(head);
        file.extend(*content);
        file.resize(file.len().next_multiple_of(512), 0);
    }
    file.extend([0; 1024]);
    file
}

#[test]
fn a_member_of_a_tar_that_is_not_what_it_is_called_is_an_attack() {
    let letter = specimens::docx(1, 20_000);
    let clean = tar(&[("home/letter.docx", &letter), ("home/notes.txt", &text(1, 9000))]);
    assert_eq!(judge_bytes("home.tar", &clean).verdict, Verdict::Clean);
    for name in ["letter.docx", "letter.txt", "photo.jpg"] {
        let found = judge_bytes("home.tar", &tar(&[(name, &Dice::new(3).bytes(30_000))]));
        assert_eq!(found.verdict, Verdict::Encrypted, "{name}: {found:?}");
    }
    let found = judge_bytes("home.tar", &tar(&[("thing", &Dice::new(3).bytes(30_000))]));
    assert_eq!(found.verdict, Verdict::Suspicious, "{found:?}");
    let long = judge_bytes("home.tar", &tar(&[("long.txt", &text(4, 100_000))]));
    assert_eq!(long.verdict, Verdict::CleanUnverified, "{long:?}");
}
