//! What a deploy changes, and for whom. PURE.

use std::collections::BTreeSet;

use super::funnels::Difference;
use super::release::Release;

/// What is to be live afterwards; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub release: Option<Release>,
    pub funnels: Option<FunnelChange>,
    /// Where partners' own files come from.
    pub own: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunnelChange {
    pub from: String,
    pub to: String,
    pub difference: Difference,
}

/// A partner before the deploy.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub id: String,
    /// Its bot runs and is well.
    pub well: bool,
    /// Its bot runs, or should.
    pub up: bool,
    /// What it runs; `None` when its link leads nowhere.
    pub release: Option<Release>,
    /// Files of its own in place of changed shared ones.
    pub overrides: BTreeSet<String>,
    /// What changes in its own files.
    pub own: OwnChange,
    /// What the target's own check finds wrong.
    pub problems: Vec<String>,
}

/// How a partner's own files change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnChange {
    pub difference: Difference,
    /// (key, before, after) of config.yaml.
    pub keys: Vec<(String, String, String)>,
    /// Keys among them that a running bot does not take over.
    pub restart: Vec<String>,
}

/// What is done with a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing changes.
    Stay,
    /// Its bot does not run: the next start finds the new files.
    Prepare,
    /// The bot reads its funnels anew and goes on.
    Reload,
    Restart,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub id: String,
    pub act: Act,
    /// Well before, so it must be well afterwards.
    pub gated: bool,
    pub words: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub changes: Vec<Change>,
    /// (partner, problem): nothing is deployed while there are any.
    pub broken: Vec<(String, String)>,
    /// Release and funnels, in words.
    pub head: Vec<String>,
    /// Must not go on before somebody has read this.
    pub refused: Option<String>,
}

pub fn plan(target: &Target, partners: &[Seen]) -> Plan {
    let mut plan = Plan::default();
    if let Some(release) = &target.release {
        plan.head.push(format!("release {}", release.name));
    }
    if let Some(funnels) = &target.funnels {
        plan.head.push(funnels_line(funnels));
    }
    if let Some(from) = &target.own {
        plan.head.push(format!("partners' own files from {from}"));
    }
    for partner in partners {
        for problem in &partner.problems {
            plan.broken.push((partner.id.clone(), problem.clone()));
        }
        plan.changes.push(change(target, partner));
    }
    let newer: Vec<&str> = partners
        .iter()
        .filter(|partner| is_older(target, partner))
        .map(|partner| partner.id.as_str())
        .collect();
    if let (Some(release), false) = (&target.release, newer.is_empty()) {
        plan.refused = Some(format!(
            "{} cannot read the data that {} wrote since: {}; restore the backup taken before, or stay",
            release.name,
            if newer.len() == 1 {
                "this bot"
            } else {
                "these bots"
            },
            newer.join(", ")
        ));
    }
    plan
}

fn is_older(target: &Target, partner: &Seen) -> bool {
    match (&target.release, &partner.release) {
        (Some(new), Some(old)) => new.schema < old.schema,
        _ => false,
    }
}

fn funnels_line(change: &FunnelChange) -> String {
    let Difference {
        added,
        changed,
        removed,
    } = &change.difference;
    format!(
        "shared funnels {} -> {}: {}",
        change.from,
        change.to,
        signed([("+", added), ("~", changed), ("-", removed)])
    )
}

fn signed(parts: [(&str, &BTreeSet<String>); 3]) -> String {
    let names = parts
        .iter()
        .flat_map(|(sign, names)| names.iter().map(move |name| format!("{sign}{name}")));
    names.collect::<Vec<_>>().join(" ")
}

/// `hot.score: 40 -> 60`, and the funnels by name.
fn own_words(own: &OwnChange) -> Vec<String> {
    let mut words: Vec<String> = own
        .keys
        .iter()
        .map(|(key, before, after)| {
            format!("{key}: {} -> {}", or_nothing(before), or_nothing(after))
        })
        .collect();
    let funnels = |names: &BTreeSet<String>| -> BTreeSet<String> {
        names
            .iter()
            .filter(|name| *name != "config.yaml")
            .cloned()
            .collect()
    };
    let difference = &own.difference;
    let [added, changed, removed] =
        [&difference.added, &difference.changed, &difference.removed].map(funnels);
    let files = signed([("+", &added), ("~", &changed), ("-", &removed)]);
    words.extend(Some(files).filter(|files| !files.is_empty()));
    words
}

fn or_nothing(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}

fn change(target: &Target, partner: &Seen) -> Change {
    let program = target
        .release
        .as_ref()
        .filter(|new| partner.release.as_ref().map(|old| &old.name) != Some(&new.name));
    let mut words = Vec::new();
    if let Some(new) = program {
        let old = partner
            .release
            .as_ref()
            .map_or("nothing", |old| old.name.as_str());
        words.push(format!("{old} -> {}", new.name));
        if partner
            .release
            .as_ref()
            .is_some_and(|old| new.schema > old.schema)
        {
            words.push("its data is brought up to date (a copy is kept)".to_owned());
        }
    }
    let mut touched = false;
    if let Some(funnels) = &target.funnels {
        let names = funnels.difference.names();
        touched = names.iter().any(|name| !partner.overrides.contains(name));
        if !partner.overrides.is_empty() {
            let own: Vec<&str> = partner.overrides.iter().map(String::as_str).collect();
            words.push(format!("keeps its own {}", own.join(", ")));
        }
        if touched {
            words.push("gets the shared funnels".to_owned());
        }
    }
    let own = !partner.own.difference.is_empty();
    if own {
        let told = own_words(&partner.own);
        if told.is_empty() {
            // What is refused could not be compared; why is said below.
            let says = if partner.problems.is_empty() {
                "says the same in other words"
            } else {
                "is refused"
            };
            words.push(format!("config.yaml {says}"));
        }
        words.extend(told);
    }
    let must_restart = program.is_some() || !partner.own.restart.is_empty();
    let act = match (must_restart, touched || own, partner.up) {
        (false, false, _) => Act::Stay,
        (_, _, false) => Act::Prepare,
        (true, _, true) => Act::Restart,
        (false, true, true) => Act::Reload,
    };
    words.push(match act {
        Act::Stay => "nothing changes".to_owned(),
        Act::Prepare => "it is stopped and stays so".to_owned(),
        Act::Reload if touched => "reads them without a restart".to_owned(),
        Act::Reload => "live without a restart".to_owned(),
        Act::Restart if program.is_none() => {
            format!("restarts, for {}", partner.own.restart.join(", "))
        }
        Act::Restart => "restarts".to_owned(),
    });
    if !partner.well && matches!(act, Act::Restart | Act::Reload) {
        words.push("it is not well now, so it goes last and is not waited for".to_owned());
    }
    Change {
        id: partner.id.clone(),
        act,
        gated: partner.well,
        words: words.join("; "),
    }
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.act == Act::Stay)
    }

    /// The first to go: the one that is named, else the first that is well.
    pub fn canary(&self, wanted: Option<&str>) -> Option<String> {
        let moves = |change: &&Change| matches!(change.act, Act::Restart | Act::Reload);
        let mut able = self.changes.iter().filter(moves);
        match wanted {
            Some(wanted) => able.find(|change| change.id == wanted),
            None => able.find(|change| change.gated),
        }
        .map(|change| change.id.clone())
    }

    /// The rest after the canary, in waves; who is not well or not up comes last.
    pub fn waves(&self, canary: Option<&str>, size: usize) -> Vec<Vec<Change>> {
        let rest = |change: &&Change| change.act != Act::Stay && canary != Some(change.id.as_str());
        let (gated, others): (Vec<&Change>, Vec<&Change>) = self
            .changes
            .iter()
            .filter(rest)
            .partition(|change| change.gated && change.act != Act::Prepare);
        let waves = gated.chunks(size.max(1)).chain(others.chunks(size.max(1)));
        waves
            .map(|wave| wave.iter().map(|change| (*change).clone()).collect())
            .collect()
    }

    /// One line for each kind of change, with the partners it concerns.
    pub fn lines(&self) -> Vec<String> {
        const MOST_NAMED: usize = 8;
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for change in &self.changes {
            match groups.iter_mut().find(|(words, _)| *words == change.words) {
                Some((_, ids)) => ids.push(&change.id),
                None => groups.push((&change.words, vec![&change.id])),
            }
        }
        let mut lines = self.head.clone();
        for (words, ids) in groups {
            let named = match ids.len() {
                count if count > MOST_NAMED => {
                    format!(
                        "{} and {} more",
                        ids[..MOST_NAMED].join(", "),
                        count - MOST_NAMED
                    )
                }
                _ => ids.join(", "),
            };
            lines.push(format!("  {named}: {words}"));
        }
        for (id, problem) in &self.broken {
            lines.push(format!(
                "  {id}: refused by the target's own check: {problem}"
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(name: &str, schema: i64) -> Release {
        Release {
            name: name.to_owned(),
            version: name.to_owned(),
            schema,
            bot_sha256: String::new(),
            added_at_ms: 0,
        }
    }

    fn seen(id: &str, on: &str) -> Seen {
        Seen {
            id: id.to_owned(),
            well: true,
            up: true,
            release: Some(release(on, 1)),
            ..Seen::default()
        }
    }

    fn funnels(changed: &[&str]) -> FunnelChange {
        FunnelChange {
            from: "aaaa".to_owned(),
            to: "bbbb".to_owned(),
            difference: Difference {
                changed: changed.iter().map(|name| (*name).to_owned()).collect(),
                ..Difference::default()
            },
        }
    }

    #[test]
    fn a_new_release_restarts_who_runs_and_prepares_who_does_not() {
        let mut partners = vec![seen("east", "1"), seen("north", "1"), seen("west", "2")];
        partners[1].up = false;
        partners[1].well = false;
        let target = Target {
            release: Some(release("2", 2)),
            ..Target::default()
        };
        let plan = plan(&target, &partners);
        assert_eq!(
            plan.lines(),
            [
                "release 2",
                "  east: 1 -> 2; its data is brought up to date (a copy is kept); restarts",
                "  north: 1 -> 2; its data is brought up to date (a copy is kept); it is stopped and stays so",
                "  west: nothing changes",
            ]
        );
        assert_eq!(plan.canary(None).as_deref(), Some("east"));
        let waves = plan.waves(Some("east"), 10);
        assert_eq!(waves.len(), 1);
        assert_eq!(
            (waves[0][0].id.as_str(), waves[0][0].act),
            ("north", Act::Prepare)
        );
    }

    #[test]
    fn shared_funnels_reach_whoever_did_not_replace_them_without_a_restart() {
        let mut partners = vec![seen("east", "1"), seen("north", "1"), seen("west", "1")];
        partners[1].overrides = BTreeSet::from(["weight.yaml".to_owned()]);
        partners[2].well = false;
        let target = Target {
            funnels: Some(funnels(&["weight.yaml"])),
            ..Target::default()
        };
        let planned = plan(&target, &partners);
        assert_eq!(
            planned.lines(),
            [
                "shared funnels aaaa -> bbbb: ~weight.yaml",
                "  east: gets the shared funnels; reads them without a restart",
                "  north: keeps its own weight.yaml; nothing changes",
                "  west: gets the shared funnels; reads them without a restart; it is not well now, so it goes last and is not waited for",
            ]
        );
        let both = Target {
            funnels: Some(funnels(&["weight.yaml", "energy.yaml"])),
            ..Target::default()
        };
        assert_eq!(plan(&both, &partners).changes[1].act, Act::Reload);
    }

    #[test]
    fn own_files_go_live_and_only_what_a_running_bot_cannot_take_restarts_it() {
        let changed = |names: &[&str], restart: &[&str]| OwnChange {
            difference: funnels(names).difference,
            keys: vec![("hot.score".to_owned(), String::new(), "60".to_owned())],
            restart: restart.iter().map(|key| (*key).to_owned()).collect(),
        };
        let mut partners: Vec<Seen> = ["east", "north", "south", "west"]
            .map(|id| seen(id, "1"))
            .into();
        partners[0].own = changed(&["config.yaml"], &[]);
        partners[1].own = changed(&["config.yaml", "funnels/tea.yaml"], &[]);
        partners[2].own = changed(&["config.yaml"], &["telegram.proxy"]);
        let target = Target {
            own: Some("git/partners".to_owned()),
            ..Target::default()
        };
        assert_eq!(
            plan(&target, &partners).lines(),
            [
                "partners' own files from git/partners",
                "  east: hot.score: nothing -> 60; live without a restart",
                "  north: hot.score: nothing -> 60; ~funnels/tea.yaml; live without a restart",
                "  south: hot.score: nothing -> 60; restarts, for telegram.proxy",
                "  west: nothing changes",
            ]
        );
    }

    #[test]
    fn going_back_is_planned_as_going_forward() {
        let target = Target {
            release: Some(release("1", 1)),
            ..Target::default()
        };
        let mut partners = vec![seen("east", "2"), seen("north", "1")];
        partners[0].well = false;
        assert_eq!(
            plan(&target, &partners).lines(),
            [
                "release 1",
                "  east: 2 -> 1; restarts; it is not well now, so it goes last and is not waited for",
                "  north: nothing changes",
            ]
        );
    }

    #[test]
    fn an_older_program_is_kept_from_newer_data() {
        let mut newer = seen("east", "2");
        newer.release = Some(release("2", 2));
        let target = Target {
            release: Some(release("1", 1)),
            ..Target::default()
        };
        let refused = plan(&target, &[newer]).refused.expect("refused");
        assert!(refused.starts_with("1 cannot read the data that this bot wrote since: east"));
    }

    #[test]
    fn waves_hold_the_well_first() {
        let mut partners: Vec<Seen> = (0..7).map(|n| seen(&format!("p{n}"), "1")).collect();
        partners[2].well = false;
        let target = Target {
            release: Some(release("2", 1)),
            ..Target::default()
        };
        let plan = plan(&target, &partners);
        let waves: Vec<Vec<String>> = plan
            .waves(Some("p0"), 3)
            .into_iter()
            .map(|wave| wave.into_iter().map(|change| change.id).collect())
            .collect();
        assert_eq!(
            waves,
            [vec!["p1", "p3", "p4"], vec!["p5", "p6"], vec!["p2"]]
        );
    }
}
