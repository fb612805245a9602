//! The programs under test, freshly built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where cargo puts its things: `target` above this very test.
pub fn target_dir() -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own file");
    let target = test
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").exists());
    target
        .expect("cargo runs the tests from its target directory")
        .to_owned()
}

pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("the workspace holds this package")
        .to_owned()
}

/// `bot` or `partnerctl`: that of BOT_PROGRAM or PARTNERCTL_PROGRAM, else built once per run, because cargo does not
/// build programs for another package's tests.
pub fn program(name: &str) -> PathBuf {
    if let Some(given) = std::env::var_os(format!("{}_PROGRAM", name.to_uppercase())) {
        return given.into();
    }
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let dir = BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        // What cargo tells this test of its package would make ring's build script, and all above it, start anew.
        for (name, _) in std::env::vars_os() {
            let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
            if of_package
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix))
            {
                cargo.env_remove(name);
            }
        }
        let status = cargo
            // As `tests/run` builds them: fewer packages would mean other features and a second build.
            .args(["build", "--quiet", "--workspace", "--bins"])
            .arg("--target-dir")
            .arg(target_dir())
            .current_dir(root())
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "cargo build failed"
        );
        target_dir().join("debug")
    });
    dir.join(name)
}
