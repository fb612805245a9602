//! Measures the real bot, built for release, against a Bot API so lean that it is not the bottleneck.
//!
//! `bench` tells the whole table; `bench FILE` also writes it between the marks in FILE (docs/performance.md);
//! `bench load SECONDS LEADS DELAY_MS PAUSE_MS [1: in order]`, `bench beside ROUNDS` and `bench only start|bulk|growth|fleet` are for work on one
//! number. `tests/figures` builds and runs it.

mod bare;
mod fake;
mod figures;
mod fill;
mod in_touch;
mod leads;
mod load;
mod process;
mod table;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // The bare loop, a process of its own; `process::Bot::bare` starts it.
    if let [word, address, dir] = args.as_slice()
        && word == "bare"
    {
        return bare::run(address, dir.as_ref());
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
        file => {
            let figures = figures::measure()?;
            let table = table::render(&figures)?;
            print!("{table}");
            file.map_or(Ok(()), |file| table::write(file.as_ref(), &table))
        }
    }
}
