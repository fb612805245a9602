//! The browser's side of the sandbox: its static files, and the guard of everything a browser can reach.

mod assets;
mod guard;

pub use assets::routes;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// No inline code, nothing from elsewhere, and no way to turn a string into markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// Refuses what does not come from a page of this very server, served on `port` of this machine, or from no browser at all.
pub fn guarded(router: Router, port: u16) -> Router {
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        watch(port, request, next)
    }))
}

async fn watch(port: u16, request: Request, next: Next) -> Response {
    let mut response = match refusal(port, request.method(), request.headers()) {
        Some(reason) => (StatusCode::FORBIDDEN, reason).into_response(),
        None => next.run(request).await,
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refusal(port: u16, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let caller = guard::Caller {
        safe: method.is_safe(),
        host: text("host"),
        origin: text("origin"),
        site: text("sec-fetch-site"),
    };
    guard::refusal(port, &caller)
}
