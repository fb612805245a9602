//! What authors have beside the language: transcripts that fail readably, coverage, recording, loading from disk.

use std::fs;
use std::path::PathBuf;

use bot::funnel::{load, transcript};

use super::pictures::SMALL;
use super::{loaded, partner};

fn failures(talk: &str) -> Vec<String> {
    let partner = partner();
    let funnels = loaded(SMALL, &partner);
    let report = transcript::run(&funnels, &partner, "main.talk.transcript", talk);
    report.failures.iter().map(ToString::to_string).collect()
}

#[test]
fn a_talk_that_goes_another_way_says_where_and_how() {
    for (talk, expected) in [
        (
            "> /start\n< Здравствуйте, Аня! Нач… [Да & точка] [Нет]\n",
            "",
        ),
        (
            "## привет\n> /start\n< Привет\n",
            "main.talk.transcript:3: привет: expected\n  < Привет\nbut the bot said\n  < Здравствуйте, Аня! Начнём? [Да & точка] [Нет]",
        ),
        (
            "> /start\n",
            "main.talk.transcript:1: the bot also said, and no line expects it:\n  < Здравствуйте, Аня! Начнём? [Да & точка] [Нет]",
        ),
        (
            "> /start\n< …\n< …\n",
            "main.talk.transcript:3: expected\n  < …\nbut the bot said nothing",
        ),
        (
            "> /start\n< …\n> [Может быть]\n",
            "main.talk.transcript:3: no button [Может быть]; on the screen are [Да & точка] [Нет]",
        ),
        (
            "> [Да]\n",
            "main.talk.transcript:1: no button [Да]; there are no buttons on the screen",
        ),
        (
            "> /start\n< …\n= step kg\n",
            "main.talk.transcript:3: expected step kg, but the lead is at main.hello",
        ),
        (
            "> /human\n< …\n",
            "main.talk.transcript:2: the partner was also told, and no line expects it:\n  ! human",
        ),
        (
            "> /human\n< …\n! contact\n",
            "main.talk.transcript:3: expected\n  ! contact\nbut the partner was told\n  ! human",
        ),
        (
            "= colour red\n",
            "main.talk.transcript:1: \"= colour\" checks nothing; write score, tags, step, answers.<name>, phone, email, language, zone, source, campaign, handoff, advertising, service, consent, stopped, in or waits",
        ),
        (
            "+ скоро\n",
            "main.talk.transcript:1: \"скоро\" is not a time to wait; write it like 90s, 15m, 2h, 1d, 10:00 or sat 10:00",
        ),
        (
            "привет\n",
            "main.talk.transcript:1: \"привет\" begins with none of > < + ! = # and lead:",
        ),
    ] {
        assert_eq!(failures(talk).join("\n"), expected, "{talk}");
    }
}

#[test]
fn coverage_names_what_no_talk_has_reached() {
    let partner = partner();
    let funnels = loaded(SMALL, &partner);
    let talk = "> /start\n< …\n> [Да & точка]\n< …\n> 5\n< …\n";
    let report = transcript::run(&funnels, &partner, "talk", talk);
    assert_eq!(report.passed, 1);
    let missed: Vec<String> = report
        .coverage
        .missed(&funnels, None)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        missed,
        [
            "main.yaml:6: steps.hello: button \"Нет\" is never taken",
            "main.yaml:9: steps.kg: next[0] is never taken",
            "main.yaml:9: steps.kg: silent[0] is never taken",
            "main.yaml:9: steps.kg: again is never taken",
            "main.yaml:9: steps.kg: again.then is never taken",
            "gift.yaml:5: steps.a is never reached",
        ]
    );
    assert_eq!(report.coverage.counts(&funnels, Some("main")), (4, 9));
    assert_eq!(report.coverage.missed(&funnels, Some("gift")).len(), 1);
}

#[test]
fn a_talk_is_recorded_from_its_inputs() {
    let partner = partner();
    let funnels = loaded(SMALL, &partner);
    let inputs = "# разговор\n\n## раз\nlead: name Оля\n> /start\n< старое\n> [Да & точка]\n> пять\n= step kg\n## два\n> /human\n! старое\n";
    let recorded = transcript::record(&funnels, &partner, inputs);
    assert_eq!(
        recorded,
        "# разговор\n\n## раз\nlead: name Оля\n> /start\n< Здравствуйте, Оля! Начнём? [Да & точка] [Нет]\n> [Да & точка]\n< Сколько?\n> пять\n< Число\n= step kg\n\
         ## два\n> /human\n< Передаю: Север ответит вам лично. А пока можно продолжить здесь.\n! human\n"
    );
    let report = transcript::run(&funnels, &partner, "talk", &recorded);
    assert_eq!((report.passed, report.failures.len()), (2, 0));
}

/// A directory of its own for one test, removed afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("language-{}-{name}", std::process::id()));
        fs::create_dir_all(path.join("shared/media")).unwrap();
        fs::create_dir_all(path.join("own")).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn load(&self, only: Option<&[String]>) -> (Option<Vec<String>>, Vec<String>) {
        let partner = partner();
        let loaded = load(
            &self.0.join("shared"),
            Some(&self.0.join("own")),
            only,
            &partner,
        );
        let said = loaded.diagnostics.iter().map(|problem| {
            problem
                .to_string()
                .replace(&self.0.display().to_string(), "…")
        });
        let titles = loaded
            .funnels
            .map(|funnels| funnels.iter().map(|id| funnels.title(id, "ru")).collect());
        (titles, said.collect())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        crate::support::clear(&self.0);
    }
}

fn funnel(id: &str, title: &str) -> String {
    format!(
        "funnel: {id}\ntitle: {title}\nenter: {{ start: [{id}] }}\nfirst: a\nsteps:\n  a: {{ say: Да, next: end }}\n"
    )
}

#[test]
fn a_partners_own_file_stands_over_the_shared_one() {
    let folder = Folder::new("over");
    folder.write("shared/one.yaml", &funnel("one", "Общая"));
    folder.write("shared/two.yaml", &funnel("two", "Вторая"));
    folder.write("own/one.yaml", &funnel("one", "Своя"));
    folder.write("shared/notes.txt", "не воронка");
    let titles = |names: &[&str]| {
        Some(
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(folder.load(None).0, titles(&["Своя", "Вторая"]));
    assert_eq!(
        folder.load(Some(&["two".to_owned()])).0,
        titles(&["Вторая"])
    );
}

#[test]
fn files_from_elsewhere_too_large_or_without_media_are_refused() {
    let folder = Folder::new("refused");
    folder.write("secret.yaml", &funnel("secret", "Чужая"));
    std::os::unix::fs::symlink(
        folder.0.join("secret.yaml"),
        folder.0.join("own/secret.yaml"),
    )
    .unwrap();
    folder.write("shared/big.yaml", &"# ".repeat(600_000));
    folder.write("shared/media/gift.pdf", "pdf");
    folder.write(
        "shared/one.yaml",
        "funnel: one\ntitle: Одна\nenter: { start: [one] }\nfirst: a\nsteps:\n  a:\n    media: { document: media/gift.pfd }\n    next: b\n  b:\n    media: { document: media/gift.pdf }\n    next: end\n",
    );
    let (funnels, said) = folder.load(None);
    assert_eq!(funnels, None);
    let said = said.join("\n");
    assert!(
        said.contains("own/secret.yaml: leads out of its directory; put the file itself here"),
        "{said}"
    );
    assert!(said.contains("shared/big.yaml: the file has"), "{said}");
    assert!(
        said.contains(
            "steps.a.media.document: no file \"media/gift.pfd\"; did you mean \"media/gift.pdf\"?"
        ),
        "{said}"
    );
    assert_eq!(said.matches("media/gift.pdf\"?").count(), 1);
}

#[test]
fn no_funnels_at_all_is_said_so() {
    let folder = Folder::new("none");
    assert_eq!(
        folder.load(None).1,
        ["config.yaml: funnels: no funnel file was found; add one such as funnels/weight.yaml"]
    );
}
