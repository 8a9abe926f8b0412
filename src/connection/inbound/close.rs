//! Reads the payload of a Close frame (RFC 6455 5.5.1 and 7.4).

use crate::session::TransportFault;

/// The code of a Close, `None` if it carries none.
///
/// # Errors
/// A payload of one byte, or a code that must not stand on the wire: `Protocol`. A reason that
/// is not UTF-8: `Utf8`.
pub(super) fn parse(payload: &[u8]) -> Result<Option<u16>, TransportFault> {
    match payload {
        [] => Ok(None),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !may_be_sent(code) {
                return Err(TransportFault::Protocol);
            }
            str::from_utf8(reason).map_err(|_| TransportFault::Utf8)?;
            Ok(Some(code))
        }
        [_] => Err(TransportFault::Protocol),
    }
}

/// Whether an endpoint may send this code: the registered ones, and the ranges of libraries
/// (3000 to 3999) and applications (4000 to 4999).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_stand_on_the_wire() {
        for code in [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4900, 4999] {
            assert_eq!(parse(&u16::to_be_bytes(code)), Ok(Some(code)));
        }
    }

    #[test]
    fn codes_that_may_not() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert_eq!(parse(&u16::to_be_bytes(code)), Err(TransportFault::Protocol), "{code}");
        }
    }

    #[test]
    fn an_empty_close_has_no_code_and_half_a_code_is_none() {
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(&[3]), Err(TransportFault::Protocol));
    }

    #[test]
    fn the_reason_is_text() {
        assert_eq!(parse(b"\x03\xe8bye"), Ok(Some(1000)));
        assert_eq!(parse(b"\x03\xe8\xff"), Err(TransportFault::Utf8));
        assert_eq!(parse(b"\x00\x00\xff"), Err(TransportFault::Protocol), "the code comes first");
    }
}
