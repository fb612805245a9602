//! Which partners a command is for: names, beginnings of names, globs, tags, or all.

use std::collections::BTreeMap;

use bot::config::spec::ConfigSpec;
use clap::Args;

use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs, Partner};
use crate::host::Host;

/// Partners and the fleet they belong to.
#[derive(Clone, Debug, Default, Args)]
pub struct TargetArgs {
    /// Partners by id, by the beginning of an id, by a pattern like 'almaty-*', or by directory
    #[arg(value_name = "PARTNER")]
    pub partners: Vec<String>,
    /// Partners whose config.yaml has this tag: city=almaty, or city whatever its value; several must all fit
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub tag: Vec<String>,
    /// All partners
    #[arg(long, conflicts_with_all = ["partners", "tag"])]
    pub all: bool,
    #[command(flatten)]
    pub fleet: FleetArgs,
}

impl TargetArgs {
    /// The partners that are named; naming nobody is an error, for a verb that changes something.
    pub fn named(&self, verb: &str, host: &dyn Host) -> Result<(Fleet, Vec<Partner>), Failure> {
        if self.partners.is_empty() && self.tag.is_empty() && !self.all {
            let message = format!("name partners, or say --all: partnerctl {verb} --all");
            return Err(Failure::new(Code::Usage, message));
        }
        self.or_all(host)
    }

    /// The same, and all when nobody is named, for a verb that only looks.
    pub fn or_all(&self, host: &dyn Host) -> Result<(Fleet, Vec<Partner>), Failure> {
        let fleet = self.fleet.open(host);
        let partners = self.of(&fleet)?;
        Ok((fleet, partners))
    }

    fn of(&self, fleet: &Fleet) -> Result<Vec<Partner>, Failure> {
        let ids = fleet.ids();
        let mut chosen = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for name in &self.partners {
            let found = match is_glob(name) {
                true => globbed(name, &ids, fleet)?,
                false => vec![fleet.one(name)?],
            };
            chosen.extend(found.into_iter().filter(|one| seen.insert(one.dir.clone())));
        }
        if self.partners.is_empty() {
            chosen = ids.iter().map(|id| fleet.partner(id)).collect();
        }
        if !self.tag.is_empty() {
            chosen.retain(|partner| {
                let tags = tags_of(partner);
                self.tag.iter().all(|wanted| fits(&tags, wanted))
            });
        }
        if chosen.is_empty() {
            return Err(nobody(&self.tag, fleet));
        }
        Ok(chosen)
    }
}

fn nobody(tags: &[String], fleet: &Fleet) -> Failure {
    let dir = fleet.layout.partners.display();
    let message = match tags {
        [] => format!("no partners in {dir}; run: partnerctl create"),
        tags => format!(
            "no partner has the tag {}; tags are in config.yaml: tags: {{ city: almaty }}; see: partnerctl list",
            tags.join(" and ")
        ),
    };
    Failure::new(Code::NotFound, message)
}

fn is_glob(name: &str) -> bool {
    name.contains(['*', '?']) && !name.contains('/')
}

fn globbed(pattern: &str, ids: &[String], fleet: &Fleet) -> Result<Vec<Partner>, Failure> {
    let found: Vec<Partner> = ids
        .iter()
        .filter(|id| fits_glob(pattern.as_bytes(), id.as_bytes()))
        .map(|id| fleet.partner(id))
        .collect();
    match found.is_empty() {
        true => Err(fleet.unknown(pattern, ids)),
        false => Ok(found),
    }
}

/// `*` is any run of letters, `?` is one. In time linear in both, whatever the pattern.
fn fits_glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(b'?') => (at, read) = (at + 1, read + 1),
            Some(letter) if *letter == text[read] => (at, read) = (at + 1, read + 1),
            _ => match star {
                Some((star_at, from)) => {
                    star = Some((star_at, from + 1));
                    (at, read) = (star_at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

/// The tags of a partner's config.yaml; none when it cannot be read.
pub fn tags_of(partner: &Partner) -> BTreeMap<String, String> {
    let path = partner.dir.join("config.yaml");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    // Reading a whole configuration costs a millisecond; most fleets have no tags at all.
    if !text.lines().any(|line| line.starts_with("tags:")) {
        return BTreeMap::new();
    }
    let (spec, _, _) = bot::yaml::read::<ConfigSpec>("config.yaml", &text);
    spec.map(|spec| spec.tags).unwrap_or_default()
}

fn fits(tags: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => tags.get(key).is_some_and(|has| has == value),
        None => tags.contains_key(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (pattern, text, fits) in [
            ("almaty-*", "almaty-north", true),
            ("almaty-*", "almaty", false),
            ("*", "x", true),
            ("*o*h", "north", true),
            ("n?rth", "north", true),
            ("n?rth", "nrth", false),
            ("*-*-*", "a-b", false),
        ] {
            assert_eq!(
                fits_glob(pattern.as_bytes(), text.as_bytes()),
                fits,
                "{pattern} {text}"
            );
        }
        let long = "a".repeat(2_000);
        assert!(!fits_glob("a*a*a*a*a*a*a*a*b".as_bytes(), long.as_bytes()));
    }

    #[test]
    fn a_tag_fits_by_value_or_by_name() {
        let tags = BTreeMap::from([("city".to_owned(), "almaty".to_owned())]);
        let wanted = ["city", "city=almaty", "city=astana", "town"];
        assert_eq!(
            wanted.map(|wanted| fits(&tags, wanted)),
            [true, true, false, false]
        );
    }
}
