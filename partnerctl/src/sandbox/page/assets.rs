//! The page's files, carried inside the program.

use axum::Router;
use axum::http::header;
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! asset {
    ($kind:expr, $name:literal) => {
        (
            concat!("/page/", $name),
            $kind,
            include_str!(concat!("static/", $name)),
        )
    };
}

const ASSETS: [(&str, &str, &str); 19] = [
    asset!(CSS, "chat.css"),
    asset!(CSS, "desk.css"),
    asset!(CSS, "phone.css"),
    asset!(SVG, "logo.svg"),
    asset!(SVG, "pattern.svg"),
    asset!(JS, "api.js"),
    asset!(JS, "banner.js"),
    asset!(JS, "bubble.js"),
    asset!(JS, "composer.js"),
    asset!(JS, "dom.js"),
    asset!(JS, "entities.js"),
    asset!(JS, "keyboards.js"),
    asset!(JS, "leads.js"),
    asset!(JS, "main.js"),
    asset!(JS, "media.js"),
    asset!(JS, "operator.js"),
    asset!(JS, "phone.js"),
    asset!(JS, "sheets.js"),
    asset!(JS, "why.js"),
];

pub fn routes() -> Router {
    let index = (
        [(header::CONTENT_TYPE, HTML)],
        include_str!("static/index.html"),
    );
    let mut router = Router::new().route("/", get(move || async move { index }));
    for (path, kind, text) in ASSETS {
        router = router.route(
            path,
            get(move || async move { ([(header::CONTENT_TYPE, kind)], text) }),
        );
    }
    router
}
