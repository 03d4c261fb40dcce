//! Words that must not be left in the code: macros and marks of unfinished work.

use anyhow::bail;

use crate::project::Project;

/// The words, written in two pieces so that this file does not contain them.
const WORDS: [&str; 5] = [
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("db", "g!("),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
];

/// Checks every Rust file of the project.
pub(crate) fn run(project: &Project) -> anyhow::Result<()> {
    let files = project.rust_files()?;
    let mut found = 0_usize;
    for file in &files {
        for (line, word) in find(&project.read(file)?) {
            found += 1;
            eprintln!("error: `{word}` left at {}:{line}", file.display());
        }
    }
    if found > 0 {
        bail!("{found} unfinished place(s); finish them, or say in a comment what is missing and why");
    }
    println!("words: {} Rust files, nothing unfinished", files.len());
    Ok(())
}

/// The 1-based lines that hold one of the words, with the word.
fn find(text: &str) -> Vec<(usize, &'static str)> {
    let mut hits = Vec::new();
    for (index, line) in text.lines().enumerate() {
        hits.extend(
            WORDS
                .iter()
                .filter(|word| line.contains(*word))
                .map(|word| (index + 1, *word)),
        );
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found_with_its_line() {
        for word in WORDS {
            assert_eq!(find(&format!("fn a() {{\n    {word}\n}}")), [(2, word)]);
        }
        assert_eq!(find("fn todo() -> Debug { list }"), []);
    }
}
