//! What the dashboard and the alert rules ask for is what the fleet tells.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::programs::{program, root};
use tests::support::Rig;

/// Names of figures in a query.
fn names(query: &str) -> impl Iterator<Item = String> + '_ {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = |word: &&str| word.starts_with("bot_") || word.starts_with("partner_");
    words.filter(ours).map(str::to_owned)
}

/// Every `expr` of the dashboard, wherever it stands.
fn queries(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text)
                        if key == "expr" || key == "query" || key == "definition" =>
                    {
                        found.extend(names(text));
                    }
                    other => queries(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn dashboard_and_alert_rules_ask_only_for_figures_that_are_told() {
    let rig = Rig::running().await;
    std::os::unix::fs::symlink(&rig.place.data, rig.place.partner.join("data")).unwrap();
    let ctl = |line: &[&str]| {
        let mut command = Command::new(program("partnerctl"));
        command.args(line).arg("--dir");
        command.arg(rig.place.partner.parent().unwrap());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    // Ages of backups are told where backups are wanted.
    let key = rig.place.root().join("backup.key");
    ctl(&["backup", "--new-key", key.to_str().unwrap()]);
    let told = ctl(&["metrics", "print"]);
    let heads = told.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let told: BTreeSet<&str> = heads.filter_map(|head| head.split(' ').next()).collect();
    let monitoring = root().join("docs/monitoring");
    let dashboard = fs::read_to_string(monitoring.join("dashboard.json")).unwrap();
    let mut asked = BTreeSet::new();
    queries(&serde_json::from_str(&dashboard).unwrap(), &mut asked);
    let rules = fs::read_to_string(monitoring.join("alerts.yml")).unwrap();
    let rules = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr:"));
    asked.extend(rules.flat_map(|rule| names(rule).collect::<Vec<_>>()));
    assert!(asked.len() > 15, "{asked:?}");
    let missing: Vec<&String> = asked
        .iter()
        .filter(|name| !told.contains(name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "nobody tells {missing:?}; told are {told:?}"
    );
}
