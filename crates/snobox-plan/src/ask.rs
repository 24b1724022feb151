//! Typed questions to a YAML document; every answer that is not allowed becomes a [`Problem`], and reading goes on.

use crate::problem::{DOCUMENT, Problem, did_you_mean};
use crate::yaml::{Node, Position, Value};

/// One mapping of the document, with the keys that it may have.
pub struct Fields<'a> {
    node: &'a Node,
    path: String,
    /// Known keys that an unknown one was probably meant to be.
    misspelt: Vec<String>,
}

/// A value with its path, ready to be given a type.
#[derive(Clone)]
pub struct Field<'a> {
    /// The value.
    pub node: &'a Node,
    /// Its dotted path.
    pub path: String,
}

impl<'a> Field<'a> {
    /// Notes that this value is not allowed.
    pub fn refuse(&self, problems: &mut Vec<Problem>, allowed: impl Into<String>) {
        self.refuse_with_hint(problems, allowed, None);
    }

    /// Notes that this value is not allowed, and what to write instead.
    pub fn refuse_with_hint(
        &self,
        problems: &mut Vec<Problem>,
        allowed: impl Into<String>,
        hint: Option<String>,
    ) {
        let given = format!("{} is not allowed", self.node);
        self.note(problems, given, allowed.into(), hint);
    }

    /// Notes that this value is not allowed, without showing it: it may be, or hold, a secret.
    pub fn refuse_unseen(&self, problems: &mut Vec<Problem>, allowed: impl Into<String>) {
        let given = match &self.node.value {
            Value::Scalar { .. } if !self.node.is_null() => {
                "the given text is not allowed".to_owned()
            }
            _ => format!("{} is not allowed", self.node),
        };
        self.note(problems, given, allowed.into(), None);
    }

    fn note(
        &self,
        problems: &mut Vec<Problem>,
        given: String,
        allowed: String,
        hint: Option<String>,
    ) {
        let path = match self.path.as_str() {
            "" => DOCUMENT.to_owned(),
            path => path.to_owned(),
        };
        problems.push(Problem {
            at: self.node.at,
            path,
            given,
            allowed,
            hint,
        });
    }

    /// The value as a mapping, whatever its keys; `None` for anything else.
    pub fn any_fields(&self) -> Option<Fields<'a>> {
        let is_mapping = matches!(self.node.value, Value::Mapping(_));
        is_mapping.then(|| Fields {
            node: self.node,
            path: self.path.clone(),
            misspelt: Vec::new(),
        })
    }

    /// The value as a text that `parse` accepts; `allowed` says in words what that is.
    pub fn parsed<T>(
        &self,
        problems: &mut Vec<Problem>,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.node.text().and_then(parse);
        if value.is_none() {
            self.refuse(problems, allowed);
        }
        value
    }

    /// The value as one of a few words.
    pub fn one_of<T: Copy>(&self, problems: &mut Vec<Problem>, words: &[(&str, T)]) -> Option<T> {
        let found = self
            .node
            .text()
            .and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let hint = self
                .node
                .text()
                .and_then(|t| did_you_mean(t, &names))
                .map(|w| format!("did you mean {w:?}?"));
            self.refuse_with_hint(problems, names.join(", "), hint);
        }
        found.map(|(_, value)| *value)
    }

    /// Whether the value is a list without items.
    pub fn is_empty_list(&self) -> bool {
        matches!(&self.node.value, Value::Sequence(items) if items.is_empty())
    }

    /// The items of a list, each with its path.
    pub fn items(&self, problems: &mut Vec<Problem>, allowed: &str) -> Vec<Field<'a>> {
        match &self.node.value {
            Value::Sequence(items) => {
                let field = |(i, node)| Field {
                    node,
                    path: format!("{}[{i}]", self.path),
                };
                items.iter().enumerate().map(field).collect()
            }
            _ if self.node.is_null() => Vec::new(),
            _ => {
                self.refuse(problems, allowed);
                Vec::new()
            }
        }
    }

    /// The value as a mapping with no other keys than `known`. A key of `planned` belongs to the format but is not acted on by this
    /// version: it is refused too, and told apart, because a setting that is silently ignored is worse than one that is missing.
    pub fn fields(
        &self,
        problems: &mut Vec<Problem>,
        known: &[&str],
        planned: &[&str],
    ) -> Option<Fields<'a>> {
        let Value::Mapping(entries) = &self.node.value else {
            self.refuse(
                problems,
                format!("a mapping with the keys {}", known.join(", ")),
            );
            return None;
        };
        let mut misspelt = Vec::new();
        for entry in entries.iter().filter(|e| !known.contains(&e.key.as_str())) {
            let mut problem = Problem {
                at: entry.at,
                path: join(&self.path, &entry.key),
                given: "unknown key".to_owned(),
                allowed: known.join(", "),
                hint: None,
            };
            if planned.contains(&entry.key.as_str()) {
                problem.given = "not supported by this version of snobox yet".to_owned();
                problem.hint =
                    Some("remove it; nothing in this file is silently ignored".to_owned());
            } else if let Some(meant) = did_you_mean(&entry.key, known) {
                problem.hint = Some(format!("did you mean {meant:?}?"));
                misspelt.push(meant.to_owned());
            }
            problems.push(problem);
        }
        let fields = self.any_fields();
        fields.map(|fields| Fields { misspelt, ..fields })
    }
}

impl<'a> Fields<'a> {
    /// The value of a key that may be absent; `key:` with nothing after it counts as absent.
    pub fn optional(&self, key: &str) -> Option<Field<'a>> {
        let node = self.node.get(key).filter(|node| !node.is_null())?;
        Some(Field {
            node,
            path: join(&self.path, key),
        })
    }

    /// Whether a key is absent only because it is misspelt, which has been said already.
    pub fn is_misspelt(&self, key: &str) -> bool {
        self.misspelt.iter().any(|meant| meant == key)
    }

    /// The value of a key that must be there.
    pub fn required(
        &self,
        problems: &mut Vec<Problem>,
        key: &str,
        allowed: &str,
    ) -> Option<Field<'a>> {
        let field = self.optional(key);
        if field.is_none() && !self.is_misspelt(key) {
            problems.push(Problem {
                at: self.at(key),
                path: join(&self.path, key),
                given: "is missing".to_owned(),
                allowed: allowed.to_owned(),
                hint: None,
            });
        }
        field
    }

    fn at(&self, key: &str) -> Position {
        match &self.node.value {
            Value::Mapping(entries) => entries
                .iter()
                .find(|e| e.key == key)
                .map_or(self.node.at, |e| e.at),
            _ => self.node.at,
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
