//! Parses arguments and calls the library.

use std::process::ExitCode;

use partnerctl::{cli, host::RealHost};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    bot::process::no_picture_of_memory();
    cli::run(std::env::args_os(), &RealHost::new()).await
}
