//! Frames of a client, right or wrong, byte by byte (RFC 6455 5.2).

/// What a frame says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// A frame to be sent. It begins as a well-formed one.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    first: u8,
    masked: bool,
    /// The length that the header claims.
    claimed: u64,
    payload: Vec<u8>,
}

const MASK: [u8; 4] = [0xA5, 0x3C, 0x0F, 0x96];

impl Frame {
    pub(crate) fn new(opcode: Opcode, payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        Self { first: 0x80 | opcode as u8, masked: true, claimed: payload.len() as u64, payload }
    }

    pub(crate) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::new(Opcode::Text, text)
    }

    pub(crate) fn ping(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(Opcode::Ping, payload)
    }

    pub(crate) fn close(code: u16) -> Self {
        Self::new(Opcode::Close, code.to_be_bytes())
    }

    /// More fragments follow.
    pub(crate) fn unfinished(mut self) -> Self {
        self.first &= 0x7F;
        self
    }

    /// Other bits in the first byte.
    pub(crate) fn first_byte(mut self, first: u8) -> Self {
        self.first = first;
        self
    }

    pub(crate) fn unmasked(mut self) -> Self {
        self.masked = false;
        self
    }

    /// The header claims this length, whatever follows.
    pub(crate) fn claiming(mut self, bytes: u64) -> Self {
        self.claimed = bytes;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mask_bit = if self.masked { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        match self.claimed {
            0..=125 => bytes.push(mask_bit | self.claimed as u8),
            126..=0xFFFF => {
                bytes.push(mask_bit | 126);
                bytes.extend((self.claimed as u16).to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend(self.claimed.to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend(MASK);
            bytes
                .extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

/// A text in `count` fragments, the first ones empty.
pub(crate) fn fragments(text: &str, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for at in 0..count {
        let opcode = if at == 0 { Opcode::Text } else { Opcode::Continuation };
        let frame = match at + 1 == count {
            true => Frame::new(opcode, text),
            false => Frame::new(opcode, "").unfinished(),
        };
        bytes.extend(frame.bytes());
    }
    bytes
}
