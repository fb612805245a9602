//! Addresses in the configuration, as far as they must be understood. PURE.

/// The host of `scheme://[user@]host[:port]/…`, without brackets.
pub(super) fn host<'a>(address: &'a str, scheme: &str) -> Option<&'a str> {
    let rest = address.strip_prefix(scheme)?.strip_prefix("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(six) => six.split_once(']')?.0,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '_');
    let clean = !address.chars().any(|c| c.is_whitespace() || c.is_control());
    (clean && !host.is_empty() && host.chars().all(good)).then_some(host)
}

pub(super) fn is_https(address: &str) -> bool {
    host(address, "https").is_some_and(|host| host.contains(['.', ':']) || host == "localhost")
}

/// Whether plain HTTP stays on this machine.
pub(super) fn is_loopback(address: &str) -> bool {
    let Some(host) = host(address, "http") else {
        return false;
    };
    match host.parse::<std::net::IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => host == "localhost",
    }
}

/// What is wrong with the address of a Bot API server.
pub(super) fn api_url_problem(address: &str) -> Option<&'static str> {
    if address.contains(['?', '#', '@']) {
        return Some(
            "only the server's address belongs here, for example https://api.telegram.org",
        );
    }
    if is_https(address) || is_loopback(address) {
        return None;
    }
    if host(address, "http").is_some() {
        return Some(
            "plain http would show the token to the network; use https, or http to 127.0.0.1",
        );
    }
    Some("not an address; write it like https://api.telegram.org")
}

pub(super) fn is_proxy(address: &str) -> bool {
    ["http", "https", "socks5", "socks5h"]
        .iter()
        .any(|scheme| host(address, scheme).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in [
            "https://api.telegram.org",
            "https://api.telegram.org:8443/x",
            "http://127.0.0.1:8081",
            "http://[::1]:1/",
            "http://localhost:5000",
            "http://127.8.0.1",
            "https://localhost",
        ] {
            assert_eq!(api_url_problem(good), None, "{good}");
        }
        for bad in [
            "",
            "api.telegram.org",
            "http://api.telegram.org",
            "http://10.0.0.1",
            "http://localhost.evil.com",
            "https://",
            "http://127.0.0.1@evil.com",
            "https://user:pw@a.b",
            "https://a b.c",
            "ftp://a.b",
            "http://127.0.0.1.evil.com",
        ] {
            assert!(api_url_problem(bad).is_some(), "{bad}");
        }
        assert!(is_proxy("socks5://user:TEST@10.0.0.1:1080") && !is_proxy("10.0.0.1:1080"));
    }
}
