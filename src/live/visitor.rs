//! Who may ask: the right host, the right page, the right token. A page elsewhere on the web must not
//! be able to read or stop a run through the browser of somebody who watches one.

use super::door;
use axum::http::{HeaderMap, header};
use std::net::{IpAddr, SocketAddr};

/// Whether a request was meant for this server: its `Host` names an address of this machine or
/// `localhost`. Any other name could be one that an attacker lets point here (DNS rebinding). The
/// port may be another: that of a tunnel.
pub fn is_meant_for(headers: &HeaderMap, bound: SocketAddr) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let name = without_port(host);
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    match name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) if bound.ip().is_loopback() => address.to_canonical().is_loopback(),
        // Whoever asked for an address beyond loopback knows by which number it is reached.
        Ok(address) => name == door::host(address),
        Err(_) => false,
    }
}

/// Whether a request that changes something comes from our own page, or from no page at all.
pub fn is_of_our_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text("host").unwrap_or_default();
    let ours = match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => true,
    };
    ours && match text("origin") {
        None => true,
        // What a form sends that must not tell where it stood; the browser vouches for it otherwise.
        Some("null") => text("sec-fetch-site").is_some(),
        Some(origin) => origin.strip_prefix("http://") == Some(host),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn only_names_that_nobody_else_can_point_here_are_answered() {
        let here = "127.0.0.1:9000".parse().unwrap();
        let everywhere = "0.0.0.0:9000".parse().unwrap();
        for (host, by_loopback, by_all) in [
            ("127.0.0.1:9000", true, true),
            ("localhost:9000", true, true),
            ("LocalHost", true, true),
            ("localhost:4000", true, true),
            ("[::1]:9000", true, true),
            ("127.0.0.1", true, true),
            ("192.0.2.7:9000", false, true),
            ("[2001:db8::1]:9000", false, true),
            ("evil.example:9000", false, false),
            ("localhost.evil.example:9000", false, false),
            ("127.0.0.1.nip.example", false, false),
            ("", false, false),
            (":9000", false, false),
            ("127.0.0.1:9000:9000", false, false),
        ] {
            let headers = headers(&[("host", host)]);
            assert_eq!(is_meant_for(&headers, here), by_loopback, "{host}");
            assert_eq!(is_meant_for(&headers, everywhere), by_all, "{host}");
        }
        assert!(!is_meant_for(&headers(&[]), here));
        let two = headers(&[("host", "127.0.0.1:9000"), ("host", "evil.example")]);
        assert!(!is_meant_for(&two, here));
    }

    #[test]
    fn a_page_elsewhere_changes_nothing() {
        let host = ("host", "127.0.0.1:9000");
        let ours = ("origin", "http://127.0.0.1:9000");
        for (more, may) in [
            (&[][..], true),
            (&[ours], true),
            (&[ours, ("sec-fetch-site", "same-origin")], true),
            (&[("origin", "null"), ("sec-fetch-site", "same-origin")], true),
            (&[("origin", "null")], false),
            (&[("origin", "null"), ("sec-fetch-site", "cross-site")], false),
            (&[ours, ("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("origin", "http://127.0.0.1:9001")], false),
            (&[("origin", "https://127.0.0.1:9000")], false),
            (&[("origin", "http://evil.example")], false),
        ] {
            let headers = headers(&[&[host], more].concat());
            assert_eq!(is_of_our_page(&headers), may, "{more:?}");
        }
    }
}
