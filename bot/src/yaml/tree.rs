//! Text to a tree with places; refuses what the language does not need and what could blow up. PURE.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_yaml::{Number, Value};

use super::places::{Places, Spot};
use super::syntax;
use super::words::mask_tokens;
use crate::diagnostic::{Diagnostic, Severity};

const MAX_DEPTH: usize = 32;
const MAX_NODES: usize = 20_000;
/// Longer keys are somebody's accident, and paths are made of keys.
const MAX_KEY: usize = 64;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Scalar {
        text: String,
        /// Written without quotes, so it may be a number, a yes/no or nothing.
        plain: bool,
    },
    List(Vec<Node>),
    /// Without duplicates: the first of equal keys stays.
    Map(Vec<(String, Node)>),
    /// Already reported; whatever is expected here is not reported again.
    Broken,
}

impl Node {
    /// The value as serde_yaml would read it.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Node::Scalar { text, plain: true } => plain_value(text),
            Node::Scalar { text, plain: false } => Value::String(text.clone()),
            Node::List(items) => Value::Sequence(items.iter().map(Node::to_value).collect()),
            Node::Map(entries) => Value::Mapping(
                entries
                    .iter()
                    .map(|(key, node)| (Value::String(key.clone()), node.to_value()))
                    .collect(),
            ),
            Node::Broken => Value::Null,
        }
    }
}

fn plain_value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match text.parse::<Number>() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::String(text.to_owned()),
        },
    }
}

/// The tree, or `None` when the text is no YAML at all; and the problems met on the way.
pub(super) fn grow(text: &str, places: &mut Places) -> (Option<Node>, Vec<Diagnostic>) {
    let mut grower = Grower {
        parser: Parser::new_from_str(text),
        places,
        problems: Vec::new(),
        path: String::new(),
        depth: 0,
        nodes: 0,
    };
    let node = match grower.document() {
        Ok(node) => node,
        Err(Stop::Reported) => None,
        Err(Stop::Syntax(error)) => {
            let problem = syntax::explain(&error, grower.places);
            // `say: {{ x }}, hello` is both a strange key and, a little later, a syntax error.
            if !grower
                .problems
                .iter()
                .any(|known| known.line == problem.line)
            {
                grower.problems.push(problem);
            }
            None
        }
    };
    (node, grower.problems)
}

enum Stop {
    Syntax(ScanError),
    Reported,
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Stop::Syntax(error)
    }
}

struct Grower<'a, 'p> {
    parser: Parser<'a, StrInput<'a>>,
    places: &'p mut Places,
    problems: Vec<Diagnostic>,
    path: String,
    depth: usize,
    nodes: usize,
}

impl<'a> Grower<'a, '_> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(next) => Ok(next?),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    let message =
                        "a second document; one file holds one, remove the line \"---\" or \"...\"";
                    self.error(spot_of(span), message);
                    return Ok(root);
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => {
                    let (node, spot) = self.node(event, span, None)?;
                    self.places.record("", None, spot);
                    root = Some(node);
                }
            }
        }
        if root.is_none() {
            let problem = self.places.of_file(Severity::Error, "the file is empty");
            self.problems.push(problem);
        }
        Ok(root)
    }

    /// One node, whose first event was already taken. `key` is where its key stands: a list or a section is
    /// better shown there than at its first line.
    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        key: Option<Spot>,
    ) -> Result<(Node, Spot), Stop> {
        let spot = spot_of(span);
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.error(
                spot,
                &format!("more than {MAX_NODES} values; split the file"),
            );
            return Err(Stop::Reported);
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(spot, anchor, tag.is_some());
                let plain = style == ScalarStyle::Plain;
                if plain {
                    self.warn_of_comment(span);
                }
                let text = text.into_owned();
                let spot = if span.is_empty() {
                    key.unwrap_or(spot)
                } else {
                    spot
                };
                Ok((Node::Scalar { text, plain }, spot))
            }
            Event::Alias(_) => {
                self.error(spot, ALIAS);
                Ok((Node::Broken, spot))
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(spot, anchor, tag.is_some());
                let node = self.deeper(spot, Self::list)?;
                Ok((node, key.unwrap_or(spot)))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(spot, anchor, tag.is_some());
                let mut first = None;
                let node = self.deeper(spot, |grower| grower.map(spot, &mut first))?;
                Ok((node, key.or(first).unwrap_or(spot)))
            }
            _ => Ok((Node::Broken, spot)),
        }
    }

    fn deeper(
        &mut self,
        spot: Spot,
        inner: impl FnOnce(&mut Self) -> Result<Node, Stop>,
    ) -> Result<Node, Stop> {
        if self.depth == MAX_DEPTH {
            self.error(spot, &format!("nested deeper than {MAX_DEPTH} levels"));
            return Err(Stop::Reported);
        }
        self.depth += 1;
        let node = inner(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn list(&mut self) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Node::List(items));
            }
            let length = self.path.len();
            self.path.push_str(&format!("[{}]", items.len()));
            let (node, spot) = self.node(event, span, None)?;
            self.places.record(&self.path, None, spot);
            self.path.truncate(length);
            items.push(node);
        }
    }

    fn map(&mut self, map: Spot, first: &mut Option<Spot>) -> Result<Node, Stop> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut broken = false;
        loop {
            let (event, span) = self.next()?;
            let key = spot_of(span);
            let text = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, _, anchor, tag) => {
                    self.refuse_extras(key, anchor, tag.is_some());
                    // Keys become paths, and paths are printed.
                    mask_tokens(&text)
                }
                event => {
                    self.complex_key(map, event, span)?;
                    broken = true;
                    continue;
                }
            };
            first.get_or_insert(key);
            let new = self.known_key(&text, key, &mut seen)?;
            let length = self.path.len();
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(&text);
            let (event, span) = self.next()?;
            let (node, spot) = self.node(event, span, Some(key))?;
            self.places.record(&self.path, Some(key), spot);
            self.path.truncate(length);
            if new {
                entries.push((text, node));
            }
        }
        Ok(if broken {
            Node::Broken
        } else {
            Node::Map(entries)
        })
    }

    /// Whether the key is a good new one; what is wrong with it is reported.
    fn known_key(
        &mut self,
        text: &str,
        key: Spot,
        seen: &mut HashMap<String, usize>,
    ) -> Result<bool, Stop> {
        if text.chars().count() > MAX_KEY {
            self.error(key, &format!("a key longer than {MAX_KEY} characters"));
            return Err(Stop::Reported);
        }
        if text == "<<" {
            self.error(key, "merge keys (<<) are not supported; write the keys out");
            return Ok(false);
        }
        if let Some(line) = seen.get(text) {
            let message = format!("duplicate key \"{text}\"; the first is on line {line}");
            self.error(key, &message);
            return Ok(false);
        }
        seen.insert(text.to_owned(), key.line);
        Ok(true)
    }

    /// A key that is a list or a section: in practice a text that begins with `{{`.
    fn complex_key(&mut self, map: Spot, event: Event<'a>, span: Span) -> Result<(), Stop> {
        let opening: String = self
            .places
            .line(map.line)
            .chars()
            .skip(map.column - 1)
            .take(2)
            .collect();
        let message = if opening == "{{" {
            syntax::BRACES
        } else {
            "a key must be a plain word"
        };
        self.error(map, message);
        let reported = self.problems.len();
        let length = self.path.len();
        self.node(event, span, None)?;
        let (event, span) = self.next()?;
        self.node(event, span, None)?;
        self.path.truncate(length);
        self.problems.truncate(reported);
        Ok(())
    }

    fn refuse_extras(&mut self, spot: Spot, anchor: usize, tag: bool) {
        if anchor > 0 {
            self.error(spot, ANCHOR);
        }
        if tag {
            self.error(spot, TAG);
        }
    }

    /// `text: Скидка #1` ends before the `#`: legal, and almost never meant.
    fn warn_of_comment(&mut self, span: Span) {
        if span.is_empty() || span.start.line() != span.end.line() {
            return;
        }
        let rest: String = self
            .places
            .line(span.end.line())
            .chars()
            .skip(span.end.col())
            .collect();
        let comment = rest.trim_start();
        if comment.len() < rest.len()
            && let Some(after) = comment.strip_prefix('#')
            && after.starts_with(char::is_alphanumeric)
        {
            let spot = Spot {
                line: span.end.line(),
                column: span.end.col() + 2 + rest.chars().count() - 1 - comment.chars().count(),
                width: comment.chars().count(),
            };
            let problem = self.places.at(spot, &self.path, Severity::Warning, COMMENT);
            self.problems.push(problem);
        }
    }

    fn error(&mut self, spot: Spot, message: &str) {
        let problem = self.places.at(spot, &self.path, Severity::Error, message);
        self.problems.push(problem);
    }
}

const ALIAS: &str = "aliases (*name) are not supported; write the value out";
const ANCHOR: &str =
    "anchors (&name) are not supported; put the text in quotes if \"&\" belongs to it";
const TAG: &str = "tags (!name) are not supported; put the text in quotes if \"!\" belongs to it";
const COMMENT: &str =
    "from \"#\" on this is a comment; put the whole text in quotes if it belongs to the text";

fn spot_of(span: Span) -> Spot {
    Spot {
        line: span.start.line(),
        column: span.start.col() + 1,
        width: if span.start.line() == span.end.line() {
            span.len()
        } else {
            // To the end of the first line; `Places` cuts it there.
            usize::MAX
        },
    }
}
