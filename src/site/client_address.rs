//! The virtual path `/ip`: what address a client comes from. It is what `ipv6-httpd.py` was
//! written for.

use core::net::IpAddr;

use crate::http::request::Fields;
use crate::http::response::{Body, Response, Status};

use super::page::{Form, write_json};

/// Who asks, as far as the server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Canonical: IPv4 never as `::ffff:`.
    pub address: IpAddr,
    /// The interface on which a link-local address is valid.
    pub zone: Option<String>,
}

impl std::fmt::Display for Client {
    /// RFC 5952, and the zone as RFC 4007 §11 writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)?;
        match &self.zone {
            Some(zone) => write!(f, "%{zone}"),
            None => Ok(()),
        }
    }
}

/// The answer to `/ip`.
pub fn respond(client: &Client, fields: Fields<'_>) -> Response {
    let form = match Form::wanted(fields, Form::Text) {
        Form::Json => Form::Json,
        Form::Html | Form::Text => Form::Text,
    };
    let address = client.to_string();
    let mut page = Vec::new();
    match form {
        Form::Json => {
            page.extend_from_slice(b"{\"address\":");
            write_json(address.as_bytes(), &mut page);
            let family = if client.address.is_ipv6() {
                "IPv6"
            } else {
                "IPv4"
            };
            page.extend_from_slice(b",\"family\":");
            write_json(family.as_bytes(), &mut page);
            page.extend_from_slice(b"}\n");
        }
        Form::Html | Form::Text => {
            for part in ["Your IP address is ", &address, "\n"] {
                page.extend_from_slice(part.as_bytes());
            }
        }
    }
    Response::new(Status::Ok)
        .with("Content-Type", form.media_type())
        .with("X-Content-Type-Options", "nosniff")
        .with("Cache-Control", "no-store")
        .with("Vary", "Accept")
        .with_body(Body::Bytes(page))
}
