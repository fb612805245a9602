//! Carries a plan out: the canary, the waves, and what must be put right when one of them fails.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::HowArgs;
use super::sources::Sources;
use crate::audit;
use crate::backup::take;
use crate::bot_program::BotProgram;
use crate::deploy::carry::{Carrier, Gate, Outcome, reload_all};
use crate::deploy::funnels;
use crate::deploy::plan::{self, Act, Plan};
use crate::deploy::release::{self, Release};
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::plan::{Step, apply};

pub struct Doing<'a> {
    pub fleet: &'a Fleet,
    pub partners: &'a [Partner],
    pub sources: &'a Sources,
    pub plan: &'a Plan,
    pub how: &'a HowArgs,
    pub verb: &'static str,
    pub host: &'a dyn Host,
}

impl Doing<'_> {
    pub async fn all(&self) -> Result<(), Failure> {
        self.install().await?;
        let canary = self.plan.canary(self.how.canary.as_deref());
        if let (Some(wanted), None) = (&self.how.canary, &canary) {
            let message = format!("--canary {wanted}: nothing changes for it, or it does not run");
            return Err(Failure::new(Code::Usage, message));
        }
        let before = self.swap()?;
        if let Some(canary) = &canary {
            let first = self
                .plan
                .changes
                .iter()
                .filter(|change| change.id == *canary);
            let first: Vec<plan::Change> = first.cloned().collect();
            let failed = self.wave(&first, 2).await;
            if !failed.is_empty() {
                self.unswap(before.as_deref(), &failed).await?;
                return Err(self.stopped(&failed, &[]));
            }
        }
        let mut done: Vec<String> = canary.iter().cloned().collect();
        let mut failed = Vec::new();
        for wave in self.plan.waves(canary.as_deref(), self.wave_size()) {
            failed = self.wave(&wave, 1).await;
            let ids = wave.iter().map(|change| change.id.clone());
            done.extend(ids.filter(|id| !failed.contains(id)));
            if !failed.is_empty() {
                break;
            }
        }
        if !failed.is_empty() {
            let touched: Vec<String> = done.iter().chain(&failed).cloned().collect();
            self.unswap(before.as_deref(), &touched).await?;
            return Err(self.stopped(&failed, &done));
        }
        self.finish().await
    }

    /// A bot that reads its funnels anew says at once whether it takes them; one that restarts shows it by living.
    fn restarts(&self) -> bool {
        let restarts = |change: &plan::Change| change.act == Act::Restart;
        self.plan.changes.iter().any(restarts)
    }

    fn wave_size(&self) -> usize {
        let usual = if self.restarts() { 10 } else { 50 };
        self.how.wave.unwrap_or(usual)
    }

    fn watch_seconds(&self) -> u64 {
        let usual = if self.restarts() { 5 } else { 1 };
        self.how.watch.unwrap_or(usual)
    }

    /// New programs come to their place; data that will be changed is copied first.
    async fn install(&self) -> Result<(), Failure> {
        if let Some(own) = &self.sources.own {
            own.keep(self.partners)?;
        }
        let Some(release) = &self.sources.target.release else {
            return Ok(());
        };
        if let Some(from) = &self.sources.programs {
            release::add(from, release, &self.fleet.layout)?;
        }
        for partner in self.partners {
            let used = release::used_by(&self.fleet.layout, &partner.id);
            let Some(used) = used.filter(|used| *used != release.name) else {
                continue;
            };
            let old = release::read(&self.fleet.layout.releases().join(&used)).await;
            if old.is_ok_and(|old| old.schema < release.schema) {
                self.keep_copy(partner, release).await?;
            }
        }
        Ok(())
    }

    async fn keep_copy(&self, partner: &Partner, release: &Release) -> Result<(), Failure> {
        let copy = take::copy(partner, &BotProgram::of_host()).await?;
        let archive = self.fleet.layout.archive();
        let kept = archive.join(format!("{}-before-{}.db", partner.id, release.name));
        std::fs::create_dir_all(&archive)?;
        std::fs::copy(&copy.file, &kept)?;
        std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o600))?;
        self.host.err(&format!(
            "{}: a copy of its data is kept: {}",
            partner.id,
            kept.display()
        ));
        Ok(())
    }

    /// Takes a wave forward; who was taken back.
    async fn wave(&self, changes: &[plan::Change], watch: u32) -> Vec<String> {
        let release = self.sources.target.release.as_ref();
        let carrier = Carrier {
            fleet: self.fleet,
            host: self.host,
            program: release.map(|release| Path::new("../releases").join(&release.name)),
            own: self.sources.own.as_ref(),
            gate: Gate {
                start: Duration::from_secs(self.how.start),
                watch: Duration::from_secs(self.watch_seconds()) * watch,
                settle: Duration::ZERO,
            },
        };
        let outcomes = carrier.wave(changes).await;
        let mut failed = Vec::new();
        for (id, outcome) in &outcomes {
            let result = match outcome {
                Outcome::Done => Ok(()),
                Outcome::Back { why, well } => {
                    failed.push(id.clone());
                    let now = if *well {
                        "well again"
                    } else {
                        "NOT well either"
                    };
                    self.host.err(&format!(
                        "{id}: taken back: {why}; it is {now} on what it ran before"
                    ));
                    Err(format!("taken back: {why}"))
                }
            };
            let what = self.plan.head.join(", ");
            audit::record(
                &self.fleet.layout,
                self.host,
                self.verb,
                std::slice::from_ref(id),
                &what,
                &result,
            );
        }
        let well: Vec<&str> = outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == Outcome::Done)
            .map(|(id, _)| id.as_str())
            .collect();
        if !well.is_empty() {
            self.host.err(&format!("done: {}", well.join(" ")));
        }
        failed
    }

    /// The new funnels become a version and the link leads to it; where it led before.
    fn swap(&self) -> Result<Option<PathBuf>, Failure> {
        let Some(from) = &self.sources.funnels else {
            return Ok(None);
        };
        let link = &self.fleet.layout.funnels;
        let before = funnels::adopt(link)?;
        let (_, home) = funnels::add(from, link)?;
        funnels::swap(link, &home)?;
        Ok(before)
    }

    /// Shared funnels are shared: when one bot refuses them, all go back to what they had.
    async fn unswap(&self, before: Option<&Path>, touched: &[String]) -> Result<(), Failure> {
        let Some(live) = before else {
            return Ok(());
        };
        funnels::swap(&self.fleet.layout.funnels, live)?;
        let sockets = touched
            .iter()
            .enumerate()
            .map(|(index, id)| (index, self.fleet.partner(id).socket()));
        for (index, told) in reload_all(sockets.collect()).await {
            if let Err(why) = told {
                self.host
                    .err(&format!("warning: {}: {why}", touched[index]));
            }
        }
        Ok(())
    }

    fn stopped(&self, failed: &[String], done: &[String]) -> Failure {
        let funnels = self.sources.funnels.is_some();
        let rest = match (done.is_empty(), funnels) {
            (true, _) => "nobody else was touched".to_owned(),
            (false, false) => format!("{} stay on the new one: {}", done.len(), done.join(" ")),
            (false, true) => format!("{} had it and went back too", done.len()),
        };
        let message = format!(
            "stopped: {} taken back; {rest}; see: partnerctl logs {}",
            failed.join(" "),
            failed[0]
        );
        Failure::new(Code::Unhealthy, message)
    }

    /// When everybody has it, it is what everybody has: `current`, and no release of one's own.
    async fn finish(&self) -> Result<(), Failure> {
        let layout = &self.fleet.layout;
        if let Some(release) = &self.sources.target.release {
            let ids = self.fleet.ids();
            let all = ids
                .iter()
                .all(|id| self.partners.iter().any(|partner| partner.id == *id));
            if all {
                let mut steps = vec![Step::Link {
                    path: layout.current(),
                    to: Path::new("releases").join(&release.name),
                }];
                steps.extend(ids.iter().map(|id| Step::Link {
                    path: layout.program_link(id),
                    to: PathBuf::from("../current"),
                }));
                apply(&steps, self.host)?;
            }
            const KEPT: usize = 5;
            let releases = release::list(layout).await;
            for gone in release::prune(layout, &releases, &ids, KEPT) {
                self.host.err(&format!("removed the old release {gone}"));
            }
        }
        if let Some(kept) = self
            .sources
            .own
            .as_ref()
            .and_then(|own| own.kept.file_name())
        {
            self.host.err(&format!(
                "the files as they were are kept; back with: partnerctl rollback --all --partner-files {}",
                kept.display()
            ));
        }
        self.host.err(&format!("all {} done", self.partners.len()));
        Ok(())
    }
}
