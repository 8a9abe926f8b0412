//! What a trusted proxy owes before its request: the header of the PROXY protocol.

use super::{head::Head, http::Site};
use crate::gate::forwarded::{
    must_introduce,
    proxy_v2::{self, Fault, Progress},
};
use std::{io, net::IpAddr};
use tokio::net::TcpStream;

/// How a connection begins.
pub(super) enum Introduction {
    /// With this client; with `None` somebody speaks for itself, or a header will tell.
    Made(Option<IpAddr>),
    /// With something else than the PROXY header that is due.
    Refused(Fault),
    /// Not at all.
    Gone,
}

/// Reads the PROXY header, if one is due; what follows it is left in `head`.
pub(super) async fn introduction(
    stream: &mut TcpStream,
    head: &mut Head,
    site: &Site,
    peer: IpAddr,
) -> io::Result<Introduction> {
    if !must_introduce(site.proxies(), peer) {
        return Ok(Introduction::Made(None));
    }
    while head.read(stream).await? > 0 {
        match proxy_v2::parse(head) {
            Progress::NeedMore => {}
            Progress::Done { client, length } => {
                head.skip(length);
                return Ok(Introduction::Made(client));
            }
            Progress::Refuse(fault) => return Ok(Introduction::Refused(fault)),
        }
    }
    Ok(Introduction::Gone)
}
