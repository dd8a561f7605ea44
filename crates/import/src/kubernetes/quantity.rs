//! Sizes and cores as Kubernetes writes them: `500m`, `2`, `1.5`, `512Mi`, `10G`, `1e9`.

/// In millionths, rounded up. `None`: not understood, or too large to be meant.
fn millionths(text: &str) -> Option<u128> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let fits = !number.is_empty() && whole.len() <= 15 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !fits {
        return None;
    }
    let part: u128 = format!("{:0<6}", part.get(..part.len().min(6))?).parse().ok()?;
    let number = whole.parse::<u128>().unwrap_or(0) * 1_000_000 + part;
    let scaled = match suffix {
        "" => number,
        "m" => number.div_ceil(1000),
        "u" => number.div_ceil(1_000_000),
        "n" => 1,
        "k" | "K" => number * 1000,
        "M" => number * 1_000_000,
        "G" => number * 1_000_000_000,
        "T" => number * 1_000_000_000_000,
        "P" => number * 1_000_000_000_000_000,
        "Ki" => number << 10,
        "Mi" => number << 20,
        "Gi" => number << 30,
        "Ti" => number << 40,
        "Pi" => number << 50,
        power => {
            let digits = power.strip_prefix(['e', 'E'])?;
            let power: u32 = digits.strip_prefix('+').unwrap_or(digits).parse().ok()?;
            number.checked_mul(10_u128.checked_pow(power)?)?
        }
    };
    Some(scaled)
}

/// Mebibytes, rounded up.
pub(super) fn mebibytes(text: &str) -> Option<u64> {
    u64::try_from(millionths(text)?.div_ceil(1_000_000).div_ceil(1 << 20)).ok()
}

/// Thousandths of a core, rounded up.
pub(super) fn millicores(text: &str) -> Option<u64> {
    u64::try_from(millionths(text)?.div_ceil(1000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_cores_are_read_in_all_their_forms() {
        for (text, size) in [
            ("512Mi", Some(512)),
            ("10Gi", Some(10_240)),
            ("1.5Gi", Some(1536)),
            ("1G", Some(954)),
            ("1e9", Some(954)),
            ("1048576", Some(1)),
            ("128974848000m", Some(123)),
            ("much", None),
            ("-1Gi", None),
            ("1.2.3Gi", None),
            ("1e999", None),
            ("", None),
        ] {
            assert_eq!(mebibytes(text), size, "{text}");
        }
        assert_eq!(
            (millicores("500m"), millicores("2"), millicores("0.1")),
            (Some(500), Some(2000), Some(100))
        );
    }
}
