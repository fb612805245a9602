//! How the program is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // At a fixed address nothing is relocated at start: 0.7 MiB of tables stay the file's own pages, which all bots of a
    // host share. The price is that code does not move between runs; heap, stack and libraries still do.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-link-arg-bin=bot=-no-pie");
    }
}
