//! Source files as the rules see them: code without comments, texts and tests, its lines kept in place.

use std::path::Path;

/// One file.
pub struct File {
    /// From the top folder on: `src/http/conn.rs`.
    pub path: String,
    /// As it is written.
    pub text: String,
    /// Without comments, texts and tests.
    code: String,
    /// Compiled for tests only.
    pub is_test: bool,
}

impl File {
    pub fn new(path: &str, text: String, is_test: bool) -> File {
        let code = without_tests(&blank(&text));
        File { path: path.to_owned(), text, code, is_test }
    }

    /// The layer of a file of the library: the first folder or file name under src; none for the front page and the
    /// programs.
    pub fn layer(&self) -> Option<&str> {
        let first = self.path.strip_prefix("src/")?.split('/').next()?;
        let layer = first.strip_suffix(".rs").unwrap_or(first);
        (layer != "lib" && layer != "bin").then_some(layer)
    }

    /// The lines of code with their numbers.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// The Rust files under a folder, sorted; none when there is no such folder.
pub fn sources(folder: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries {
            let entry = entry.unwrap_or_else(|error| panic!("{folder}: {error}"));
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let read =
        |path: &String| std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let texts: Vec<_> = paths.iter().map(read).collect();
    let tests: Vec<_> = paths.iter().zip(&texts).flat_map(|file| test_modules(file.0, file.1)).collect();
    let is_test = |path: &str| {
        let belongs_to = |test: &String| path == format!("{test}.rs") || path.starts_with(&format!("{test}/"));
        tests.iter().any(belongs_to)
    };
    paths.iter().zip(texts).map(|(path, text)| File::new(path, text, is_test(path))).collect()
}

/// The files, without their ending, that a file declares for tests (and fuzz targets) only.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let folder = stem.strip_suffix("/mod").or_else(|| stem.strip_suffix("/lib")).unwrap_or(stem);
    let mut modules = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while lines.by_ref().any(|line| line == "#[cfg(test)]" || line == "#[cfg(any(test, fuzzing))]") {
        let mut path = None;
        let item = lines.find(|line| {
            path = path.or(line.strip_prefix("#[path = \"").and_then(|rest| rest.split('"').next()));
            !line.starts_with("#[")
        });
        let Some((_, name)) = item.and_then(|item| item.strip_suffix(';')?.split_once("mod ")) else { continue };
        modules.push(match path {
            // Beside the file that declares it; a folder's file stands for its folder.
            Some(path) => {
                let beside = stem.rsplit_once('/').map_or("", |it| it.0);
                format!("{beside}/{}", path.trim_end_matches(".rs").trim_end_matches("/mod"))
            }
            None => format!("{folder}/{name}"),
        });
    }
    modules
}

/// The text with comments, strings and characters made blank.
pub fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        match token_end(&chars, at) {
            Some(end) => {
                out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
                at = end;
            }
            None => {
                out.push(chars[at]);
                at += 1;
            }
        }
    }
    out
}

/// Where the comment, string or character that begins at `at` ends; none: none begins there.
fn token_end(chars: &[char], at: usize) -> Option<usize> {
    let starts = |index: usize, text: &str| text.chars().enumerate().all(|(i, c)| chars.get(index + i) == Some(&c));
    let quoted = |quote: char| {
        let mut index = at + 1;
        while index < chars.len() && chars[index] != quote {
            index += if chars[index] == '\\' { 2 } else { 1 };
        }
        Some((index + 1).min(chars.len()))
    };
    match chars[at] {
        '/' if starts(at, "//") => Some((at..chars.len()).find(|&index| chars[index] == '\n').unwrap_or(chars.len())),
        '/' if starts(at, "/*") => {
            let (mut depth, mut index) = (1, at + 2);
            while depth > 0 && index < chars.len() {
                let step = i32::from(starts(index, "/*")) - i32::from(starts(index, "*/"));
                depth += step;
                index += if step == 0 { 1 } else { 2 };
            }
            Some(index)
        }
        'r' if at == 0 || !is_word(chars[at - 1]) || chars[at - 1] == 'b' => {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            let stop = format!("\"{}", "#".repeat(hashes));
            let first = at + 2 + hashes;
            let end = || (first..chars.len()).find(|&index| starts(index, &stop)).map(|index| index + stop.len());
            (chars.get(first - 1) == Some(&'"')).then(|| end().unwrap_or(chars.len()))
        }
        '"' => quoted('"'),
        // A character, not a lifetime.
        '\'' if chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'') => quoted('\''),
        _ => None,
    }
}

/// Blanked code with the items that are compiled for tests only made blank too.
fn without_tests(code: &str) -> String {
    let mut code = code.as_bytes().to_vec();
    for marker in ["#[cfg(test)]", "#[cfg(all(test,", "#[cfg(any(test, fuzzing))]"] {
        let mut from = 0;
        while let Some(start) = find(&code, marker.as_bytes(), from) {
            let end = item_end(&code, start);
            code[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
            from = end;
        }
    }
    String::from_utf8_lossy(&code).into_owned()
}

fn find(code: &[u8], text: &[u8], from: usize) -> Option<usize> {
    code[from..].windows(text.len()).position(|window| window == text).map(|index| from + index)
}

/// Where the item that has the attribute at `start` ends: after its block or its semicolon.
fn item_end(code: &[u8], start: usize) -> usize {
    let (mut braces, mut others) = (0, 0);
    for (index, byte) in code.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => others += 1,
            b')' | b']' => others -= 1,
            b'{' => braces += 1,
            b'}' => braces -= 1,
            _ => {}
        }
        if braces == 0 && others == 0 && matches!(byte, b'}' | b';') {
            return index + 1;
        }
    }
    code.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a word stands in a line of code and is not a part of a longer one.
pub fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(index, _)| {
        let is_cut_before = word.starts_with(is_word) && line[..index].ends_with(is_word);
        let is_cut_after = word.ends_with(is_word) && line[index + word.len()..].starts_with(is_word);
        !is_cut_before && !is_cut_after
    })
}

/// The paths into the crate that a file names, from the layer on, with their lines.
pub fn imports(file: &File) -> Vec<(usize, String)> {
    let modules = file.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    // `super` as often as the file is deep is the top.
    let top = "super::".repeat(modules.split('/').count());
    let code = file.code.as_str();
    let mut found = Vec::new();
    for start in [top.as_str(), "crate::"] {
        for (index, _) in code.match_indices(start) {
            if code[..index].ends_with(|c: char| is_word(c) || c == ':' || c == '$') {
                continue;
            }
            let number = 1 + code[..index].matches('\n').count();
            let path = &code[index + start.len()..];
            match path.strip_prefix('{') {
                Some(group) => found.extend(members(group).into_iter().map(|member| (number, member))),
                None => found.push((number, word_path(path))),
            }
        }
    }
    found.sort();
    found
}

/// The paths of a group such as `ring::Ring, sys}`, up to the brace that closes it.
fn members(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (index, c) in group.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth < 0 || (depth == 0 && c == ',') {
            let member = word_path(group[start..index].trim());
            // A comma may stand behind the last one.
            members.extend((!member.is_empty()).then_some(member));
            start = index + 1;
        }
        if depth < 0 {
            break;
        }
    }
    members
}

/// The path that a text begins with.
fn word_path(text: &str) -> String {
    let end = text.find(|c: char| !(is_word(c) || c == ':')).unwrap_or(text.len());
    text[..end].to_owned()
}

/// The document of the limits, drawn from the file that declares them.
pub fn limits_document(code: &str) -> String {
    let fields = code.split("pub struct Limits {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_default();
    let defaults = code.split("impl Default for Limits").nth(1).unwrap_or_default();
    let mut out = "# Limits\n\nEverything that is bounded has a name. This page is drawn from `src/limits.rs` by \
                   `TIDY_WRITE=1 cargo test --test tidy`, and a test compares the two.\n\n\
                   ## What you can set\n`Limits` is plain data; `Builder::limits` refuses values that do not fit together.\n\n\
                   | field | default | what it bounds |\n|---|---|---|\n"
        .to_owned();
    let mut doc = String::new();
    for line in fields.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc = format!("{doc} {}", text.trim());
        } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|field| field.split_once(':')) {
            let start = format!("{name}: ");
            let value = defaults.lines().find_map(|line| line.trim().strip_prefix(&start)).unwrap_or_default();
            out.push_str(&format!("| `{name}` | {} | {} |\n", value_text(value.trim_end_matches(',')), doc_text(&doc)));
            doc.clear();
        }
    }
    out.push_str("\n## What the code is built for\n| constant | value | why |\n|---|---|---|\n");
    for line in code.lines() {
        if let Some(text) = line.strip_prefix("///") {
            doc = format!("{doc} {}", text.trim());
            continue;
        }
        if let Some((name, rest)) = line.strip_prefix("pub const ").and_then(|item| item.split_once(':')) {
            let value = rest.split_once('=').map_or("", |(_, value)| value.trim().trim_end_matches(';'));
            out.push_str(&format!("| `{name}` | {} | {} |\n", value_text(value), doc_text(&doc)));
        }
        doc.clear();
    }
    out
}

/// `Duration::from_secs(10)` as `10 s`, `8 * 1024` as `8 KiB`.
fn value_text(value: &str) -> String {
    if let Some(seconds) = value.strip_prefix("Duration::from_secs(") {
        return format!("{} s", seconds.trim_end_matches(')'));
    }
    let factors: Vec<_> = value.split(" * ").collect();
    match factors[..] {
        [count, "1024", "1024"] => format!("{count} MiB"),
        ["1024", "1024"] => "1 MiB".to_owned(),
        [count, "1024"] => format!("{count} KiB"),
        [seconds, "1_000_000_000"] => format!("{seconds} s in nanoseconds"),
        _ => value.replace('_', ","),
    }
}

/// Documentation without its links.
fn doc_text(doc: &str) -> String {
    doc.trim().replace("[`Limits::", "[`").replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}
