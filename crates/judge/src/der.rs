//! Elements of BER and DER (X.690): one in another, each with its length, or up to a mark of its end.
//!
//! A single element begins many things, so two bytes prove nothing. What is called a certificate here has an outermost
//! element that reaches to the end of the file and a first element inside that fits into it; what is called CMS (RFC 5652)
//! was read down to the version of its content.

use crate::source::big32;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const IDENTIFIER: u8 = 0x06;
const INTEGER: u8 = 0x02;
const FIRST_TAGGED: u8 = 0xa0;
/// Line ends and filling are sometimes left behind the outermost element.
const FILLING: u64 = 16;

/// The element that begins a piece.
struct Element<'a> {
    tag: u8,
    /// `None`: up to a mark of its end.
    length: Option<u64>,
    /// From where its tag stands to where its content begins.
    head: u64,
    /// What there is of its content, and of what follows.
    inside: &'a [u8],
}

fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = bytes.split_first()?;
    let (length, used) = match *rest.first()? {
        short @ 0..=0x7f => (Some(u64::from(short)), 1),
        // Only what holds others may go on to a mark.
        0x80 if tag & 0x20 != 0 => (None, 1),
        long @ 0x81..=0x84 => {
            let count = usize::from(long & 0x7f);
            let mut value = [0; 4];
            value[4 - count..].copy_from_slice(rest.get(1..=count)?);
            (Some(u64::from(big32(&value, 0))), 1 + count)
        }
        _ => return None,
    };
    Some(Element { tag, length, head: 1 + used as u64, inside: rest.get(used..)? })
}

/// Certificates, signatures, keys.
pub(crate) fn is_whole(head: &[u8], length: u64) -> bool {
    let Some(outer) = element(head).filter(|outer| outer.tag == SEQUENCE) else { return false };
    // Of short ones two lengths agree too easily; but nothing else fits them.
    let Some(first) = element(outer.inside) else { return false };
    let known =
        matches!(first.tag, INTEGER | IDENTIFIER | SEQUENCE | SET | FIRST_TAGGED | 0x04 | 0x0c | 0x13 | 0x16);
    let end = match outer.length {
        Some(stated) => outer.head + stated,
        None => length,
    };
    let reaches = (end..=end + FILLING).contains(&length) && length > 32;
    let fits = first.length.is_none_or(|inner| outer.head + first.head + inner <= end);
    // Without a length to compare, the identifier must be read to its end.
    let certain = outer.length.is_some() || (first.tag == IDENTIFIER && is_content_type(&first));
    known && reaches && fits && certain
}

/// One of the content types of PKCS #7 and CMS: 1.2.840.113549.1.7.1 to 6.
fn is_content_type(identifier: &Element<'_>) -> bool {
    cms_type(identifier).is_some()
}

fn cms_type(identifier: &Element<'_>) -> Option<u8> {
    const PKCS7: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07";
    const AUTHENTICATED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
    let count = usize::try_from(identifier.length?).ok()?;
    let bytes = identifier.inside.get(..count)?;
    match bytes.strip_prefix(PKCS7) {
        Some([kind @ 1..=6]) => Some(*kind),
        // Authenticated and enveloped (RFC 5083): counted with the enveloped.
        None if bytes == AUTHENTICATED => Some(3),
        _ => None,
    }
}

/// Enveloped or encrypted data, read down to its version: sequence, identifier, `[0]`, sequence, version, and what
/// follows it is a list of recipients, of who sent it, or the content.
pub(crate) fn is_encrypted_cms(head: &[u8]) -> bool {
    let read = || {
        let outer = element(head).filter(|outer| outer.tag == SEQUENCE)?;
        let identifier = element(outer.inside).filter(|inner| inner.tag == IDENTIFIER)?;
        let kind = cms_type(&identifier)?;
        let behind = identifier.inside.get(usize::try_from(identifier.length?).ok()?..)?;
        let tagged = element(behind).filter(|inner| inner.tag == FIRST_TAGGED)?;
        let content = element(tagged.inside).filter(|inner| inner.tag == SEQUENCE)?;
        let version =
            element(content.inside).filter(|inner| inner.tag == INTEGER && inner.length == Some(1))?;
        let (number, next) = version.inside.split_first()?;
        let next = element(next)?.tag;
        let fits = *number <= 4 && matches!(next, SET | FIRST_TAGGED | SEQUENCE);
        (fits && matches!(kind, 3 | 4 | 6)).then_some(())
    };
    read().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimens::Dice;

    /// RFC 5652, section 6.1, with the lengths left open as a writer of streams leaves them.
    const OPEN: &[u8] = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80\x02\x01\x00\x31\x82\x01\x0a\x30";

    #[test]
    fn enveloped_data_is_read_with_and_without_lengths() {
        assert!(is_encrypted_cms(OPEN));
        let closed = b"\x30\x82\x10\0\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x82\x0f\xf0\x30\x82\x0f\xe0\x02\x01\x02\x31\x20";
        assert!(is_encrypted_cms(closed));
        let mut signed = OPEN.to_vec();
        signed[12] = 2;
        assert!(!is_encrypted_cms(&signed), "signed data is readable");
        assert!(is_whole(&[&signed, &[0; 40][..]].concat(), 66));
        for cut in 0..OPEN.len() {
            is_encrypted_cms(&OPEN[..cut]);
            is_whole(&OPEN[..cut], 100);
        }
    }

    #[test]
    fn random_bytes_behind_three_fitting_ones_are_no_certificate() {
        for seed in 1..200 {
            let random = [&b"\x30\x80\x06"[..], &Dice::new(seed).bytes(2000)].concat();
            assert!(!is_whole(&random, random.len() as u64) && !is_encrypted_cms(&random));
        }
    }
}
