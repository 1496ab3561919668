//! The scripts in tools/ that check whether a tool is already installed.

use crate::pages as docs;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const RUNS: usize = 200;

/// A program that prints the expected line and then more than a pipe can hold (64 KiB on Linux), so that a reader that exits at
/// the match always kills it.
fn long_output(line: &str) -> String {
    format!(
        "#!/bin/bash\ncase \" $* \" in *' --version '*) ;; *) exit 0 ;; esac\n\
         echo '{line}'\nprintf -v more '%131072s' ''\necho \"$more\"\n"
    )
}

/// A copy of tools/ with stand-ins for the programs that the scripts run. The stand-ins on the PATH fail if a script fetches or
/// installs anything.
struct Tools(TempDir);

impl Tools {
    fn new() -> Self {
        let tools = Self(TempDir::new().unwrap());
        fs::create_dir(tools.path().join("tools")).unwrap();
        for script in docs::files("tools", "sh") {
            let copy = tools.path().join(&script);
            fs::copy(docs::root().join(&script), copy).unwrap();
        }
        tools.add("bin/python3", "#!/bin/bash\nexit 1\n");
        tools.add("bin/envoy", "#!/bin/bash\necho 'envoy  version: 0/0.0.0'\n");
        let fetch_only = "#!/bin/bash\n[ \"$1\" = fetch ]\n";
        tools.add("bin/cargo", fetch_only);
        tools
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn add(&self, name: &str, script: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Output {
        let mut path = self.path().join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Command::new(self.path().join("tools").join(script))
            .args(arguments)
            .env("PATH", path)
            .output()
            .unwrap()
    }

    /// Runs a script many times; each run must succeed and install nothing.
    fn always_finds(&self, script: &str, arguments: &[&str]) {
        for run in 1..=RUNS {
            let output = self.run(script, arguments);
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            let installs = ["fetching", "installing", "adding"]
                .iter()
                .any(|word| text.contains(word));
            assert!(
                output.status.success() && !installs,
                "run {run} of {script}: {}\n{text}{errors}",
                output.status
            );
        }
    }
}

#[test]
fn installed_envoy_is_always_found() {
    let tools = Tools::new();
    let version = "envoy  version: 0000/1.40.0/Clean/RELEASE/BoringSSL";
    tools.add(".tools/envoy", &long_output(version));
    tools.always_finds("envoy.sh", &[]);
}

#[test]
fn envoy_on_the_path_is_always_found() {
    let tools = Tools::new();
    let version = "envoy  version: 0000/1.40.0/Clean/RELEASE/BoringSSL";
    tools.add("bin/envoy", &long_output(version));
    tools.always_finds("envoy.sh", &[]);
}

#[test]
fn installed_rust_target_is_always_found() {
    let tools = Tools::new();
    let sysroot = tools.path().join("sysroot");
    fs::create_dir_all(sysroot.join("lib/rustlib/wasm32-wasip1/lib")).unwrap();
    let print = format!("#!/bin/bash\necho '{}'\n", sysroot.display());
    tools.add("bin/rustc", &print);
    tools.always_finds("wasm-target.sh", &["wasm32-wasip1"]);
}

#[test]
fn installed_cargo_tools_are_always_found() {
    let tools = Tools::new();
    let deny = docs::read("tools/deny.sh");
    let version = deny
        .lines()
        .find_map(|line| line.strip_prefix("tools/tool.sh cargo-deny "))
        .unwrap();
    let line = format!("cargo-deny {version}");
    tools.add(".tools/bin/cargo-deny", &long_output(&line));
    tools.always_finds("deny.sh", &[]);
    tools.add(".tools/bin/cargo-fuzz", &long_output("cargo-fuzz 0.13.2"));
    tools.always_finds("tool.sh", &["cargo-fuzz", "0.13.2"]);
}

#[test]
fn tool_of_another_version_or_that_fails_is_not_used() {
    let tools = Tools::new();
    let broken = "#!/bin/bash\necho 'envoy  version: 0/1.40.0/Clean/RELEASE/BoringSSL'\nexit 1\n";
    for envoy in [
        &long_output("envoy  version: 0/1.39.0/Clean/RELEASE/x"),
        broken,
    ] {
        tools.add(".tools/envoy", envoy);
        let output = tools.run("envoy.sh", &[]);
        assert!(!output.status.success());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("needed to fetch Envoy"), "{errors}");
    }
    tools.add(".tools/bin/cargo-fuzz", &long_output("cargo-fuzz 0.1.0"));
    let output = tools.run("tool.sh", &["cargo-fuzz", "0.13.2"]);
    assert!(!output.status.success());
}

/// Returns whether a command can exit before it has read all of its input.
fn stops_early(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let name = words.next().unwrap_or_default();
    let mut options = words.take_while(|word| word.starts_with('-'));
    match name {
        "grep" => options.any(|option| {
            matches!(option, "--quiet" | "--silent") || {
                let letters = option.trim_start_matches('-');
                !option.starts_with("--") && letters.contains(['q', 'm', 'l'])
            }
        }),
        "sed" => command.contains(['q', 'Q']),
        "awk" => command.contains("exit"),
        "head" | "read" | "less" => true,
        _ => false,
    }
}

#[test]
fn no_script_pipes_into_a_command_that_stops_early() {
    let mut scripts = docs::files("tools", "sh");
    scripts.extend(["Makefile".to_owned(), ".ci/run".to_owned()]);
    let mut pipes = 0;
    for script in scripts {
        for (number, line) in docs::read(&script).lines().enumerate() {
            let code = line.trim_start();
            if code.starts_with('#') {
                continue;
            }
            let code = code.replace("||", ";");
            for reader in code.split('|').skip(1) {
                pipes += 1;
                assert!(
                    !stops_early(reader),
                    "{script}:{}: under pipefail, the command before the pipe can fail with SIGPIPE; \
                     use output_matches of tools/output-matches.sh: {line}",
                    number + 1
                );
            }
        }
    }
    assert!(pipes > 5, "{pipes}");
    for early in [
        "grep -q x",
        " grep -qFx 'a'",
        "grep -m1 x",
        "head -3",
        "sed 5q",
    ] {
        assert!(stops_early(early), "{early}");
    }
    for whole in [
        "grep -v '^q'",
        "grep -c head",
        "tail -3",
        "awk '{print $1}'",
    ] {
        assert!(!stops_early(whole), "{whole}");
    }
}
