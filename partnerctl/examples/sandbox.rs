//! Serves a bare local Telegram until standard input ends: `cargo run -p partnerctl --example sandbox -- [port]`.
//! Any token is welcome; the address is the first line of the output.

use std::io::{Read, Write};

use partnerctl::sandbox::{Options, Sandbox};

fn main() -> anyhow::Result<()> {
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse())?;
    let sandbox = Sandbox::start(Options {
        port,
        accept_any_token: true,
        ..Options::default()
    })?;
    println!("{}", sandbox.url());
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
