//! The commands of a shell script, as far as one must read them to know what is started with which words.
//!
//! Commands inside `$(…)` and backquotes count, comments do not, lines joined by a backslash are one. Not a shell: expansions stay as they are
//! written, here-documents are read like code, and a text in quotes that spans lines ends with its line. Source of truth: POSIX.1-2024, XCU 2.

use std::collections::{BTreeMap, BTreeSet};

/// Substitutions inside of substitutions that are followed; what lies deeper is not read.
const MAX_DEPTH: usize = 16;

/// A word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// Without its quotes; a substituted command is `$()`.
    pub(crate) text: String,
    /// Whether a pattern character stands in it outside of quotes, so that the shell looks for files.
    pub(crate) pattern: bool,
}

/// A command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Command {
    /// The line that it starts in, from 1.
    pub(crate) line: usize,
    /// Its words, `if`, `!` and assignments included.
    pub(crate) words: Vec<Word>,
    /// Whether the script goes on when the command fails: it is asked by an `if`, or something stands behind `||` that is not an exit.
    pub(crate) guarded: bool,
}

/// Words that may stand before a command.
const BEFORE: [&str; 11] = [
    "if", "elif", "while", "until", "then", "else", "do", "!", "exec", "sudo", "time",
];

impl Command {
    /// The words from the program's name on: without reserved words and assignments.
    pub(crate) fn run(&self) -> &[Word] {
        let start = self
            .words
            .iter()
            .position(|word| {
                !BEFORE.contains(&word.text.as_str()) && assignment(&word.text).is_none()
            })
            .unwrap_or(self.words.len());
        &self.words[start..]
    }

    /// Whether it starts with these words, the first one with or without its folder.
    pub(crate) fn runs(&self, words: &[&str]) -> bool {
        let run = self.run();
        run.len() >= words.len()
            && run.iter().zip(words).enumerate().all(|(i, (word, name))| {
                let last = word.text.rsplit('/').next().unwrap_or("");
                word.text == *name || (i == 0 && last == *name)
            })
    }
}

/// `name=value`.
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let mut chars = name.chars();
    let good = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    good.then_some((name, value))
}

/// The commands of a script, those inside of substitutions before the one around them.
pub(crate) fn commands(script: &str) -> Vec<Command> {
    let mut found = Vec::new();
    for (number, line) in joined(script) {
        let chars: Vec<char> = line.chars().collect();
        let mut reader = Reader {
            chars: &chars,
            at: 0,
            line: number,
            found: &mut found,
        };
        while reader.at < chars.len() {
            reader.list(None, 0);
        }
    }
    found
}

/// Lines with their numbers, those that end in a backslash joined with the next.
fn joined(script: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in script.lines().enumerate() {
        let (number, mut text) = open.take().unwrap_or((index + 1, String::new()));
        // A comment does not go on, whatever it ends with.
        let comment = text.is_empty() && line.trim_start().starts_with('#');
        match line.strip_suffix('\\').filter(|_| !comment) {
            Some(part) => {
                text.push_str(part);
                open = Some((number, text));
            }
            None => {
                text.push_str(line);
                lines.push((number, text));
            }
        }
    }
    lines.extend(open);
    lines
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    line: usize,
    found: &'a mut Vec<Command>,
}

impl Reader<'_> {
    /// Reads commands up to `end`, or the end of the line.
    fn list(&mut self, end: Option<char>, depth: usize) {
        let mut first = self.found.len();
        let mut command = self.fresh();
        let mut word: Option<Word> = None;
        while let Some(&c) = self.chars.get(self.at) {
            if Some(c) == end {
                self.at += 1;
                break;
            }
            match c {
                ' ' | '\t' => {
                    self.at += 1;
                    command.words.extend(word.take());
                }
                '#' if word.is_none() => self.at = self.chars.len(),
                ';' | '|' | '&' | '(' | ')' => {
                    self.separator(c, &mut command, &mut word, &mut first)
                }
                '{' | '}' if word.is_none() => {
                    self.separator(c, &mut command, &mut word, &mut first)
                }
                _ => self.piece(word.get_or_insert_default(), depth),
            }
        }
        command.words.extend(word);
        self.close(command, first, false);
    }

    /// At a character that ends a command.
    fn separator(
        &mut self,
        c: char,
        command: &mut Command,
        word: &mut Option<Word>,
        first: &mut usize,
    ) {
        command.words.extend(word.take());
        self.at += 1;
        let or = c == '|' && self.chars.get(self.at) == Some(&'|');
        if or {
            self.at += 1;
        }
        let done = std::mem::replace(command, self.fresh());
        self.close(done, *first, or && !self.gives_up());
        *first = self.found.len();
    }

    fn fresh(&self) -> Command {
        Command {
            line: self.line,
            ..Command::default()
        }
    }

    /// Enters a command; what was found inside of it shares its guard.
    fn close(&mut self, mut command: Command, first: usize, guarded: bool) {
        if command.words.is_empty() {
            return;
        }
        let asked = matches!(command.words[0].text.as_str(), "if" | "elif");
        command.guarded = guarded || asked;
        for inner in &mut self.found[first..] {
            inner.guarded |= command.guarded;
        }
        self.found.push(command);
    }

    /// Whether what comes next ends the script.
    fn gives_up(&self) -> bool {
        let next: String = self.chars[self.at..].iter().take(40).collect();
        let word = next.trim_start().split([' ', ';', ')', '"']).next();
        matches!(word, Some("exit" | "return" | "false" | "die"))
    }

    /// Reads one piece of a word: a quoted text, an expansion, or a character.
    fn piece(&mut self, word: &mut Word, depth: usize) {
        let c = self.chars[self.at];
        self.at += 1;
        match c {
            '\'' => {
                while let Some(&c) = self.chars.get(self.at) {
                    self.at += 1;
                    if c == '\'' {
                        return;
                    }
                    word.text.push(c);
                }
            }
            '"' => {
                while let Some(&c) = self.chars.get(self.at) {
                    match c {
                        '"' => {
                            self.at += 1;
                            return;
                        }
                        '$' | '`' => {
                            self.at += 1;
                            self.expansion(c, word, depth);
                        }
                        '\\' => {
                            self.at += 1;
                            word.text.extend(self.chars.get(self.at));
                            self.at += 1;
                        }
                        _ => {
                            self.at += 1;
                            word.text.push(c);
                        }
                    }
                }
            }
            '\\' => {
                word.text.extend(self.chars.get(self.at));
                self.at += 1;
            }
            '$' | '`' => self.expansion(c, word, depth),
            _ => {
                word.pattern |= matches!(c, '*' | '?' | '[');
                word.text.push(c);
            }
        }
    }

    /// Behind a dollar sign or a backquote.
    fn expansion(&mut self, c: char, word: &mut Word, depth: usize) {
        let next = self.chars.get(self.at).copied();
        let arithmetic = next == Some('(') && self.chars.get(self.at + 1) == Some(&'(');
        match (c, next) {
            ('`', _) if depth < MAX_DEPTH => {
                self.list(Some('`'), depth + 1);
                word.text.push_str("$()");
            }
            ('$', Some('(')) if !arithmetic && depth < MAX_DEPTH => {
                self.at += 1;
                self.list(Some(')'), depth + 1);
                word.text.push_str("$()");
            }
            ('$', Some('{')) => {
                word.text.push('$');
                while let Some(&c) = self.chars.get(self.at) {
                    self.at += 1;
                    word.text.push(c);
                    if c == '}' {
                        break;
                    }
                }
            }
            _ => word.text.push(c),
        }
    }
}

/// Literal values that variables get anywhere in a script.
#[derive(Debug, Default)]
pub(crate) struct Variables<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Variables<'a> {
    /// Of these commands.
    pub(crate) fn of(commands: &'a [Command]) -> Self {
        let mut variables: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for command in commands {
            for word in &command.words {
                if let Some((name, value)) = assignment(&word.text)
                    && is_literal(value)
                {
                    variables.entry(name).or_default().insert(value);
                }
            }
            if let [keyword, name, within, values @ ..] = command.words.as_slice()
                && (keyword.text.as_str(), within.text.as_str()) == ("for", "in")
            {
                let values = values.iter().map(|value| value.text.as_str());
                let values = values.filter(|value| is_literal(value));
                variables.entry(&name.text).or_default().extend(values);
            }
        }
        Self(variables)
    }

    /// What a word can stand for; `None` when that cannot be told.
    pub(crate) fn resolve<'b>(&self, word: &'b str) -> Option<BTreeSet<&'b str>>
    where
        'a: 'b,
    {
        if is_literal(word) {
            return Some(BTreeSet::from([word]));
        }
        let name = word.strip_prefix('$')?;
        let name = match name.strip_prefix('{') {
            Some(braced) => braced.strip_suffix('}')?,
            None => name,
        };
        let (name, default) = match name.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (name, None),
        };
        let mut values: BTreeSet<&'b str> = self.0.get(name).cloned().unwrap_or_default();
        values.extend(default.filter(|value| is_literal(value)));
        (!values.is_empty()).then_some(values)
    }
}

fn is_literal(text: &str) -> bool {
    !text.is_empty() && !text.contains(['$', '`'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<Vec<String>> {
        commands(script)
            .iter()
            .map(|c| c.words.iter().map(|w| w.text.clone()).collect())
            .collect()
    }

    #[test]
    fn words_are_split_and_unquoted_as_a_shell_does() {
        assert_eq!(
            texts("a 'b c' \"d $e\" f\\ g # h i\n"),
            [["a", "b c", "d $e", "f g"]]
        );
        assert_eq!(texts("a \\\n  b\nc#d"), [vec!["a", "b"], vec!["c#d"]]);
        assert_eq!(texts("a; b && c | d"), [["a"], ["b"], ["c"], ["d"]]);
        assert_eq!(texts("# a \\\nb"), [["b"]]);
        let patterns = commands("x a* 'b*' \"c?\"");
        let patterns: Vec<_> = patterns[0].words.iter().map(|w| w.pattern).collect();
        assert_eq!(patterns, [false, true, false, false]);
    }

    #[test]
    fn commands_inside_of_substitutions_are_found() {
        assert_eq!(
            texts("echo \"X=$(get 'a b')\" `now` ${y} $((1+2))")[..2],
            [vec!["get", "a b"], vec!["now"]]
        );
        assert_eq!(texts("A=(\n  \"$(get a)\"\n)")[1], ["get", "a"]);
    }

    #[test]
    fn what_may_fail_is_guarded() {
        let guarded = |script: &str| {
            let commands = commands(script);
            commands.iter().find(|c| c.runs(&["get"])).unwrap().guarded
        };
        for yes in [
            "X=$(get a || echo none)",
            "X=$(get a) || true",
            "if X=$(get a); then",
            "if ! get a; then",
        ] {
            assert!(guarded(yes), "{yes}");
        }
        for no in [
            "X=$(get a)",
            "get a || exit 1",
            "until X=$(get a); do",
            "get a && b",
            "get a | b",
            "b || true; get a",
        ] {
            assert!(!guarded(no), "{no}");
        }
    }

    #[test]
    fn variables_stand_for_the_literals_that_they_get() {
        let commands = commands("x=a\nlocal y=\"b\"\nfor z in c d; do :; done\nw=$(q)\n");
        let variables = Variables::of(&commands);
        let resolve = |word| variables.resolve(word).map(Vec::from_iter);
        assert_eq!(resolve("${x}"), Some(vec!["a"]));
        assert_eq!(resolve("$y"), Some(vec!["b"]));
        assert_eq!(resolve("$z"), Some(vec!["c", "d"]));
        assert_eq!(resolve("${v:-e}"), Some(vec!["e"]));
        assert_eq!(resolve("lit"), Some(vec!["lit"]));
        assert_eq!((resolve("$w"), resolve("$1")), (None, None));
    }

    #[test]
    fn deep_and_broken_scripts_end() {
        for script in [
            "$(".repeat(10_000),
            "\"$(".repeat(10_000),
            "`\"".repeat(999),
            "'".into(),
            "${".into(),
            "\\".into(),
            "a$".into(),
        ] {
            commands(&script);
        }
    }
}
