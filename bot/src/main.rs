fn main() -> std::process::ExitCode {
    bot::cli::run()
}
