//! Who may talk to the sandbox's pages: a page it served itself, or a program of this machine. PURE.

const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// What a request says of where it comes from. Browsers send `Origin` and `Sec-Fetch-Site` and let no page forge them.
pub struct Caller<'r> {
    /// GET and HEAD, which change nothing.
    pub safe: bool,
    pub host: Option<&'r str>,
    pub origin: Option<&'r str>,
    pub site: Option<&'r str>,
}

/// Why a request is refused, or `None`. A foreign `Host` is a rebound name (DNS rebinding).
pub fn refusal(port: u16, caller: &Caller<'_>) -> Option<&'static str> {
    let Some(host) = caller.host.filter(|host| is_own(host, port)) else {
        return Some("this address serves 127.0.0.1 and localhost only");
    };
    let own_origin = |origin: &str| origin.strip_prefix("http://") == Some(host);
    let own_site = matches!(caller.site, None | Some("same-origin" | "none"));
    if caller.origin.is_some_and(|origin| !own_origin(origin)) || !(caller.safe || own_site) {
        return Some("requests from other pages are refused");
    }
    None
}

fn is_own(host: &str, port: u16) -> bool {
    NAMES
        .iter()
        .any(|name| host.strip_prefix(name) == Some(&format!(":{port}")))
}

#[cfg(test)]
mod tests {
    use super::{Caller, refusal};

    #[test]
    fn only_its_own_page_and_local_programs_are_served() {
        let host = Some("127.0.0.1:4800");
        let own = Some("http://127.0.0.1:4800");
        let evil = Some("https://evil.example");
        let same = Some("same-origin");
        let cases = [
            // safe, host, origin, site, allowed
            (true, host, None, None, true),
            (true, Some("localhost:4800"), None, None, true),
            (true, Some("[::1]:4800"), None, Some("none"), true),
            (true, host, None, Some("cross-site"), true), // a link followed to the page
            (false, host, own, same, true),
            (false, host, None, None, true), // curl
            (false, host, evil, None, false),
            (false, host, evil, Some("cross-site"), false),
            (false, host, None, Some("cross-site"), false),
            (false, host, None, Some("same-site"), false),
            (false, host, Some("null"), None, false),
            (false, host, Some("http://localhost:4800"), None, false),
            (
                false,
                host,
                Some("http://127.0.0.1:4801"),
                Some("same-site"),
                false,
            ),
            (true, host, evil, None, false),
            (true, Some("evil.example:4800"), None, None, false),
            (true, Some("127.0.0.1.evil.example:4800"), None, None, false),
            (true, Some("127.0.0.1:48000"), None, None, false),
            (true, Some("127.0.0.1"), None, None, false),
            (true, None, None, None, false),
        ];
        for (safe, host, origin, site, allowed) in cases {
            let caller = Caller {
                safe,
                host,
                origin,
                site,
            };
            let refused = refusal(4800, &caller);
            assert_eq!(
                refused.is_none(),
                allowed,
                "{safe} {host:?} {origin:?} {site:?}"
            );
        }
    }
}
