//! A CatalogSource after the user's own template, as `targetCatalogSourceTemplate` of an image set names it: everything in it stays but name, namespace,
//! source type and image, which are filled in.
//!
//! Source of truth: `internal/pkg/clusterresources` of `github.com/openshift/oc-mirror` v2, which falls back to its own CatalogSource where a template
//! cannot be used; here that is an error.

use serde_json::{Map, Number, Value, json};
use snobox_formats::reference::ImageRef;

use crate::ask::{Field, Fields};
use crate::problem::Problem;
use crate::yaml::{self, Node};

/// A template that was read and found good.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Map<String, Value>);

impl Template {
    /// Reads the text of a template.
    ///
    /// # Errors
    /// All problems, in the order of the file. A text that is not YAML is one problem.
    pub fn read(text: &str) -> Result<Self, Vec<Problem>> {
        let root = yaml::parse(text).map_err(|error| vec![error.into()])?;
        let mut problems = Vec::new();
        let document = Field {
            node: &root,
            path: String::new(),
        };
        judge(&document, &mut problems);
        problems.sort_by_key(|problem| problem.at);
        match value(&root) {
            Value::Object(fields) if problems.is_empty() => Ok(Self(fields)),
            _ => Err(problems),
        }
    }

    /// The CatalogSource of this name for this image.
    pub(super) fn filled(&self, name: &str, image: &ImageRef) -> Value {
        let mut source = Value::Object(self.0.clone());
        source["metadata"]["name"] = name.into();
        source["metadata"]["namespace"] = super::NAMESPACE.into();
        source["spec"]["sourceType"] = "grpc".into();
        source["spec"]["image"] = image.to_string().into();
        source
    }
}

fn judge(document: &Field<'_>, problems: &mut Vec<Problem>) {
    let Some(root) = document.any_fields() else {
        document.refuse(problems, "a mapping: apiVersion, kind, metadata, spec");
        return;
    };
    for (key, word) in [
        ("apiVersion", super::SOURCE_VERSION),
        ("kind", super::SOURCE_KIND),
    ] {
        if let Some(field) = root.required(problems, key, word) {
            field.one_of(problems, &[(word, ())]);
        }
    }
    let mapping = |field: &Field<'_>, problems: &mut Vec<Problem>| {
        if field.any_fields().is_none() {
            field.refuse(problems, "a mapping");
        }
    };
    if let Some(metadata) = root.optional("metadata") {
        mapping(&metadata, problems);
    }
    if let Some(spec) = root.optional("spec") {
        mapping(&spec, problems);
        if let Some(fields) = spec.any_fields() {
            judge_spec(&fields, problems);
        }
    }
}

fn judge_spec(spec: &Fields<'_>, problems: &mut Vec<Problem>) {
    if let Some(kind) = spec.optional("sourceType") {
        kind.one_of(problems, &[("grpc", ())]);
    }
    for key in ["configMap", "address"] {
        if let Some(field) = spec.optional(key) {
            let hint = "remove it; the catalog comes from the image that is filled in";
            field.refuse_with_hint(problems, "nothing", Some(hint.to_owned()));
        }
    }
}

/// The same as JSON: a scalar without quotes has the type that it looks like.
fn value(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Scalar { .. } if node.is_null() => Value::Null,
        yaml::Value::Scalar { text, quoted: true } => text.as_str().into(),
        yaml::Value::Scalar { text, .. } => plain(text),
        yaml::Value::Sequence(items) => items.iter().map(value).collect(),
        yaml::Value::Mapping(entries) => {
            let fields = entries.iter().filter(|entry| !entry.node.is_null());
            let fields = fields.map(|entry| (entry.key.clone(), value(&entry.node)));
            Value::Object(fields.collect())
        }
    }
}

fn plain(text: &str) -> Value {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit()) && !is_padded;
    match text {
        "true" => json!(true),
        "false" => json!(false),
        _ if is_number => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => json!(number),
            (_, Ok(number)) => Number::from_f64(number).map_or(text.into(), Value::Number),
            _ => text.into(),
        },
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
apiVersion: operators.coreos.com/v1alpha1
kind: CatalogSource
metadata:
  name: mine
  namespace: elsewhere
  labels: { team: \"7\" }
spec:
  displayName: Ours
  priority: -200
  secrets:
  updateStrategy:
    registryPoll:
      interval: 30m0s
";

    #[test]
    fn everything_stays_but_what_is_filled_in() {
        let template = Template::read(TEMPLATE).unwrap();
        let image: ImageRef = "r.example.com/index:v1".parse().unwrap();
        assert_eq!(
            template.filled("cs-index-v1", &image),
            json!({
                "apiVersion": "operators.coreos.com/v1alpha1",
                "kind": "CatalogSource",
                "metadata": {"name": "cs-index-v1", "namespace": "openshift-marketplace", "labels": {"team": "7"}},
                "spec": {
                    "displayName": "Ours",
                    "priority": -200,
                    "updateStrategy": {"registryPoll": {"interval": "30m0s"}},
                    "sourceType": "grpc",
                    "image": "r.example.com/index:v1",
                },
            })
        );
        let short = "apiVersion: operators.coreos.com/v1alpha1\nkind: CatalogSource\n";
        let filled = Template::read(short).unwrap().filled("cs-index-v1", &image);
        assert_eq!(filled["spec"]["image"], "r.example.com/index:v1");
        assert_eq!(filled["metadata"]["name"], "cs-index-v1");
    }

    #[test]
    fn what_is_no_catalog_source_is_refused_with_its_place() {
        let refused = |from: &str, to: &str| {
            let problems = Template::read(&TEMPLATE.replace(from, to)).unwrap_err();
            let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
            texts.join("\n")
        };
        assert_eq!(
            refused("kind: CatalogSource", "kind: Subscription"),
            "2:7: kind: \"Subscription\" is not allowed; allowed: CatalogSource"
        );
        assert_eq!(
            refused("v1alpha1", "v1"),
            "1:13: apiVersion: \"operators.coreos.com/v1\" is not allowed; allowed: operators.coreos.com/v1alpha1"
        );
        assert_eq!(
            refused("displayName: Ours", "sourceType: configmap\n  configMap: x"),
            "8:15: spec.sourceType: \"configmap\" is not allowed; allowed: grpc\n\
             9:14: spec.configMap: \"x\" is not allowed; allowed: nothing"
        );
        assert_eq!(
            refused("kind: CatalogSource\n", ""),
            "1:1: kind: is missing; allowed: CatalogSource"
        );
        let spec = TEMPLATE.find("spec:").unwrap();
        let text = format!("{}spec: [a]\n", &TEMPLATE[..spec]);
        let problems = Template::read(&text).unwrap_err();
        assert_eq!(
            problems[0].to_string(),
            "7:7: spec: a list is not allowed; allowed: a mapping"
        );
        let broken = Template::read("a: [1\nb: 2\n").unwrap_err();
        assert!(broken[0].to_string().starts_with("2:"), "{broken:?}");
        assert!(broken[0].given.starts_with("not valid YAML"), "{broken:?}");
        assert!(Template::read("- a\n").is_err());
        assert!(Template::read("").is_err());
    }

    #[test]
    fn scalars_have_the_type_that_they_look_like() {
        let cases = [
            ("true", json!(true)),
            ("-200", json!(-200)),
            ("1.5", json!(1.5)),
            ("0", json!(0)),
            ("007", json!("007")),
            ("4.13.1", json!("4.13.1")),
            ("30m", json!("30m")),
            ("-", json!("-")),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text}");
        }
    }
}
