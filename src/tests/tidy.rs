//! The layers as an ordinary test: who may import whom (docs/ARCHITECTURE.md), and habits that every file keeps. It reads sources as text.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(under: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(under), &mut found);
    found.sort();
    found
}

/// Lines of code, without comments and without the tests at the end of a file.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// No file under `layer` may say any of `words`.
fn never(layer: &str, except: &[&str], words: &[&str]) {
    let mut faults = Vec::new();
    let files = sources(layer);
    assert!(!files.is_empty(), "nothing under {layer}: the rule checks nothing");
    for (path, text) in files {
        if except.iter().any(|e| path.to_string_lossy().contains(e)) {
            continue;
        }
        for line in code(&text) {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                faults.push(format!("{}: `{word}` in: {}", path.display(), line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{layer} may not import these:\n{}", faults.join("\n"));
}

#[test]
fn the_domain_knows_nothing_but_itself() {
    never(
        "src/core/domain",
        &[],
        &[
            "crate::store",
            "crate::ops",
            "crate::tasks",
            "crate::ports",
            "async fn",
            "HashMap",
            "std::fs",
            "std::time::",
        ],
    );
}

#[test]
fn the_store_knows_only_the_domain() {
    never("src/core/store", &[], &["crate::ops", "crate::tasks", "crate::ports", "std::fs"]);
}

#[test]
fn use_cases_and_tasks_know_no_edge_and_no_engine() {
    for layer in ["src/core/ops", "src/core/tasks"] {
        never(
            layer,
            &[],
            &["leptos", "axum", "sled", "tokio", "StatusCode", "std::fs", "std::process", "std::net"],
        );
    }
}

#[test]
fn adapters_know_no_use_case_and_no_edge() {
    for layer in ["src/server/store", "src/server/hypervisor"] {
        never(layer, &[], &["core::ops", "core::tasks", "crate::ui", "server::web", "server::cli"]);
    }
}

#[test]
fn views_know_no_use_case_and_no_server() {
    never(
        "src/ui",
        &["src/ui/calls/"],
        &["core::ops", "core::store", "core::tasks", "core::ports", "crate::server"],
    );
}

#[test]
fn edges_do_not_know_each_other() {
    never("src/server/web", &[], &["server::cli", "sled", "darkroom_chunks"]);
    never("src/server/cli", &[], &["leptos", "axum::"]);
}

#[test]
fn every_file_says_what_it_is_for() {
    for layer in ["src", "benches"] {
        for (path, text) in sources(layer) {
            assert!(
                text.starts_with("//!"),
                "{} must start with //!: what it is for, what it must not do",
                path.display()
            );
        }
    }
}

#[test]
fn no_lint_is_silenced_without_a_reason() {
    let silenced = concat!("#[al", "low(");
    for (path, text) in sources("src") {
        for line in text.lines() {
            let silences =
                line.trim_start().starts_with(silenced) || line.trim_start().starts_with("#![al\u{6c}ow(");
            assert!(!silences, "{}: use #[expect(…, reason = …)]: {line}", path.display());
        }
    }
}

#[test]
fn no_file_has_a_second_noun_inside() {
    for (path, text) in sources("src") {
        let n_lines = text.lines().count();
        assert!(n_lines <= 650, "{} has {n_lines} lines: split it", path.display());
    }
}
