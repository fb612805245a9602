//! Measures the real bot, built for release, against a Bot API so lean that it is not the bottleneck.
//!
//! `bench --help` names its parts; `tests/figures` builds and runs it.

mod bare;
mod fake;
mod figures;
mod fill;
mod in_touch;
mod leads;
mod load;
mod process;
mod table;

const USAGE: &str = "\
bench                              every figure, as a table (five minutes)
bench FILE.md                      the same, and writes it between the marks of FILE.md
bench in-touch [LEADS BURST RATE] [FILE.md]
                                   100000 leads in a sequence (three minutes)
bench beside [ROUNDS]              the bot and the bare loop by turns
bench load [SECONDS LEADS DELAY_MS PAUSE_MS IN_ORDER]
                                   one load
bench only start|bulk|growth|fleet one figure";

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // The bare loop, a process of its own; `process::Bot::bare` starts it.
    if let [word, address, dir] = args.as_slice()
        && word == "bare"
    {
        return bare::run(address, dir.as_ref());
    }
    if args.iter().any(|arg| arg == "-h" || arg == "--help") {
        println!("{USAGE}");
        return Ok(());
    }
    match args.first().map(String::as_str) {
        Some("beside") => load::beside(args.get(1).and_then(|n| n.parse().ok()).unwrap_or(5)),
        Some("in-touch") => in_touch::run(&args[1..]),
        Some("load") => {
            let number = |at: usize, unset: u64| {
                args.get(at)
                    .and_then(|arg| arg.parse().ok())
                    .unwrap_or(unset)
            };
            load::one(
                number(1, 5),
                number(2, 100),
                number(3, 0),
                number(4, 0),
                number(5, 0) > 0,
            )
        }
        Some("only") => figures::only(args.get(1).map_or("", String::as_str)),
        Some(word) if !word.ends_with(".md") => anyhow::bail!("{word} is not known.\n{USAGE}"),
        file => {
            let figures = figures::measure()?;
            let table = table::render(&figures)?;
            print!("{table}");
            file.map_or(Ok(()), |file| table::write(file.as_ref(), &table))
        }
    }
}
