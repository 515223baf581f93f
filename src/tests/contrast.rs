//! Reads the style sheets as text and holds what the design language promises: contrast of every pair that may
//! meet, colours only in the tokens, no inline styles. It draws nothing; the browser tests do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under a folder with one of the extensions, in a stable order.
fn files_under(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder entry can be read").path();
        if path.is_dir() {
            found.extend(files_under(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn without_comments(css: &str) -> String {
    let mut parts = css.split("/*");
    let mut code = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        code.push_str(part.split_once("*/").map_or("", |(_, rest)| rest));
    }
    code
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Colour([f64; 3]);

impl Colour {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok().map(f64::from);
        Some(Self([channel(0)?, channel(2)?, channel(4)?]))
    }

    /// WCAG 2.2: relative luminance.
    fn luminance(self) -> f64 {
        let linear = self.0.map(|channel| {
            let share = channel / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    /// WCAG 2.2: contrast ratio, from 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

/// The colours of both modes by token name; tokens that are no plain colour (the scrim, fonts, sizes) are left out.
fn tokens() -> BTreeMap<String, [Colour; 2]> {
    let css = without_comments(&read(&root().join("style/tokens.css")));
    let mut tokens = BTreeMap::new();
    for declaration in css.split(['{', '}', ';']) {
        let Some((name, value)) = declaration.trim().strip_prefix("--").and_then(|rest| rest.split_once(':'))
        else {
            continue;
        };
        let value = value.trim();
        let pair = match value.strip_prefix("light-dark(").and_then(|inner| inner.strip_suffix(')')) {
            Some(inner) => {
                inner.split_once(',').and_then(|(l, d)| Some([Colour::parse(l)?, Colour::parse(d)?]))
            }
            None => Colour::parse(value).map(|colour| [colour, colour]),
        };
        if let Some(pair) = pair {
            tokens.insert(name.to_owned(), pair);
        }
    }
    tokens
}

const SURFACES: [&str; 5] = ["page", "side", "surface", "raised", "hover"];
const WASHES: [&str; 4] = ["accent-wash", "ok-wash", "warn-wash", "bad-wash"];

/// Text and what it may stand on.
fn text_pairs() -> Vec<(&'static str, &'static str)> {
    let mut pairs = Vec::new();
    for text in ["ink", "ink-soft"] {
        pairs.extend(SURFACES.iter().chain(&WASHES).map(|under| (text, *under)));
    }
    for text in ["accent", "ok", "warn", "bad"] {
        pairs.extend(SURFACES.map(|under| (text, under)));
    }
    pairs.extend([("accent", "accent-wash"), ("ok", "ok-wash"), ("warn", "warn-wash"), ("bad", "bad-wash")]);
    // A row that is picked still says its status.
    pairs.extend(["ok", "warn", "bad"].map(|text| (text, "accent-wash")));
    pairs.extend([
        ("ink-inverse", "ink"),
        ("ink-inverse", "accent"),
        ("on-bad", "bad-fill"),
        ("ink", "track"),
    ]);
    pairs.extend(
        ["negative-ink", "negative-soft", "negative-ok", "negative-warn"].map(|text| (text, "negative")),
    );
    pairs
}

/// Borders, bars and shapes, and what they must stand out from.
fn shape_pairs() -> Vec<(&'static str, &'static str)> {
    let mut pairs: Vec<(&str, &str)> =
        ["page", "side", "surface", "raised"].map(|under| ("line-strong", under)).into();
    pairs.extend(["accent", "ink-soft", "warn", "bad"].map(|bar| (bar, "track")));
    for tone in ["tone-1", "tone-2"] {
        pairs.extend(["page", "surface"].map(|under| (tone, under)));
    }
    pairs.push(("tone-1", "tone-2"));
    pairs.extend(["page", "surface", "raised"].map(|under| ("bad-fill", under)));
    pairs
}

fn check(pairs: &[(&str, &str)], least: f64) {
    let tokens = tokens();
    let colour = |name: &str| *tokens.get(name).unwrap_or_else(|| panic!("no colour --{name} in tokens.css"));
    let mut short = Vec::new();
    for (over, under) in pairs {
        for (mode, over_colour, under_colour) in
            [("light", colour(over)[0], colour(under)[0]), ("dark", colour(over)[1], colour(under)[1])]
        {
            let ratio = over_colour.contrast(under_colour);
            if ratio < least {
                short.push(format!("--{over} on --{under}, {mode}: {ratio:.2}"));
            }
        }
    }
    assert!(short.is_empty(), "contrast under {least}:\n{}", short.join("\n"));
}

#[test]
fn text_is_readable_on_everything_it_may_stand_on() {
    check(&text_pairs(), 4.5);
}

#[test]
fn borders_bars_and_chart_tones_stand_out() {
    check(&shape_pairs(), 3.0);
}

#[test]
fn the_contrast_formula_gives_the_known_values() {
    let colour = |text| Colour::parse(text).expect("a colour");
    assert!((colour("#000000").contrast(colour("#ffffff")) - 21.0).abs() < 0.001);
    assert!((colour("#777777").contrast(colour("#ffffff")) - 4.478).abs() < 0.001);
}

/// The colours by name that people reach for.
const NAMED_COLOURS: [&str; 18] = [
    "black", "white", "red", "green", "blue", "orange", "yellow", "gray", "grey", "silver", "maroon",
    "olive", "lime", "aqua", "teal", "navy", "purple", "brown",
];

/// What in a style sheet is a colour and not a token.
fn colour_literals(css: &str) -> Vec<String> {
    let css = without_comments(css).to_lowercase();
    let is_part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '#';
    let words = css.split(|c: char| !is_part_of_word(c)).filter(|word| !word.is_empty());
    let mut found: Vec<String> = words
        .filter(|word| {
            let hex = word.strip_prefix('#').is_some_and(|digits| {
                matches!(digits.len(), 3 | 4 | 6 | 8) && digits.chars().all(|c| c.is_ascii_hexdigit())
            });
            hex || NAMED_COLOURS.contains(word)
        })
        .map(str::to_owned)
        .collect();
    let functions =
        ["rgb(", "rgba(", "hsl(", "hsla(", "hwb(", "lab(", "lch(", "oklab(", "oklch(", "light-dark("];
    found.extend(functions.iter().filter(|name| css.contains(**name)).map(|name| (*name).to_owned()));
    found
}

#[test]
fn colours_are_written_in_the_tokens_only() {
    for path in files_under(&root().join("style"), "css") {
        if path.ends_with("tokens.css") {
            continue;
        }
        let found = colour_literals(&read(&path));
        assert!(found.is_empty(), "{}: {found:?} belongs into tokens.css", path.display());
    }
}

#[test]
fn a_colour_literal_is_recognised_and_an_id_is_not() {
    assert_eq!(colour_literals("a { color: #fff; }"), ["#fff"]);
    assert_eq!(colour_literals("a { color: rgb(1 2 3); border: 1px solid black; }"), ["black", "rgb("]);
    assert!(colour_literals("#stripe { fill: url(#stripe); white-space: pre; } /* #fff */").is_empty());
    assert!(colour_literals("a { color: color-mix(in oklab, var(--ink) 86%, var(--page)); }").is_empty());
}

#[test]
fn every_component_sheet_is_in_its_layer_and_loads_nothing() {
    for path in files_under(&root().join("style/components"), "css") {
        let css = without_comments(&read(&path));
        assert!(css.trim().starts_with("@layer components {"), "{} has no layer", path.display());
        assert_eq!(css.matches('{').count(), css.matches('}').count(), "{}: braces", path.display());
        assert!(!css.contains("@import") && !css.contains("url(\""), "{} loads something", path.display());
    }
}

#[test]
fn every_custom_property_that_is_used_is_defined() {
    let mut all = read(&root().join("public/icons.svg"));
    for path in files_under(&root().join("style"), "css") {
        all.push_str(&without_comments(&read(&path)));
    }
    for used in all.split("var(--").skip(1) {
        let name = used.split([')', ',']).next().unwrap_or_default();
        assert!(all.contains(&format!("--{name}:")), "--{name} is used and never defined");
    }
}

/// The lines of the portal's sources that are code.
fn code_of_the_portal() -> Vec<(PathBuf, String)> {
    let paths = files_under(&root().join("src/ui"), "rs");
    let code = |path: &Path| {
        let source = read(path);
        let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    };
    paths.into_iter().map(|path| (path.clone(), code(&path))).collect()
}

#[test]
fn no_view_writes_an_inline_style_or_event() {
    for (path, code) in code_of_the_portal() {
        for word in code.split(char::is_whitespace) {
            let forbidden = ["style=", "style:", "onclick=", "onsubmit=", "onchange=", "oninput=", "onload="];
            let found = forbidden.iter().find(|start| word.trim_start_matches("attr:").starts_with(**start));
            assert!(found.is_none(), "{}: {word} is refused by the CSP", path.display());
        }
    }
}

#[test]
fn every_class_of_a_component_has_a_rule() {
    let mut css = String::new();
    for path in files_under(&root().join("style"), "css") {
        css.push_str(&without_comments(&read(&path)));
    }
    let is_defined = |class: &str| {
        css.match_indices(&format!(".{class}")).any(|(at, found)| {
            let after = css[at + found.len()..].chars().next();
            !after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        })
    };
    for (path, code) in code_of_the_portal() {
        if !path.components().any(|part| part.as_os_str() == "components") {
            continue;
        }
        for literal in code.split("class=\"").skip(1) {
            let classes = literal.split('"').next().unwrap_or_default().trim_end_matches('\\');
            for class in classes.split_whitespace() {
                assert!(is_defined(class), "{}: .{class} has no rule in style/", path.display());
            }
        }
    }
}
