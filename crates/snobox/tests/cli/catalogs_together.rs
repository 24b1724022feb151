//! Several catalogs for one cluster: what one brings is there for what another one's operators need; what only another one has is named with it.

use serde_json::{Value, json};

use crate::image_sets::{lock, of_role};
use crate::support::{ImageLayout, Sandbox, site_of};

const RED: &str = "registry.example.com/red:v1";
const BLUE: &str = "registry.example.com/blue:v1";
const NEEDS: &str = "note: registry.example.com/red:v1: app: \"app.v1.0.0\" needs base >=2.0.0";

/// An operator with one version, and one image.
fn operator(name: &str, version: &str, image: &str, more: Value) -> String {
    let bundle = format!("{name}.v{version}");
    let mut properties =
        vec![json!({"type": "olm.package", "value": {"packageName": name, "version": version}})];
    properties.extend((!more.is_null()).then_some(more));
    [
        json!({"schema": "olm.package", "name": name, "defaultChannel": "s"}),
        json!({"schema": "olm.channel", "package": name, "name": "s", "entries": [{"name": bundle}]}),
        json!({"schema": "olm.bundle", "package": name, "name": bundle, "image": image, "properties": properties}),
    ]
    .map(|document| format!("{document}\n"))
    .concat()
}

fn app(image: &str) -> String {
    let base = json!({"packageName": "base", "versionRange": ">=2.0.0"});
    let needs =
        json!({"type": "olm.constraint", "value": {"failureMessage": "for data", "package": base}});
    operator("app", "1.0.0", image, needs)
}

fn set(generation: &str, catalogs: &[(&str, &str)]) -> String {
    let mut text = format!(
        "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/{generation}\nmirror:\n  operators:\n"
    );
    for (catalog, package) in catalogs {
        text += &format!("  - catalog: {catalog}\n    packages: [{{ name: {package} }}]\n");
    }
    text
}

#[test]
fn catalogs_of_an_image_set_are_selected_from_together() {
    let sandbox = Sandbox::new();
    let image = "registry.example.com/x:1";
    sandbox.write("red.json", app(image));
    let blue = operator("base", "2.1.0", image, Value::Null)
        + &operator("filler", "1.0.0", image, Value::Null);
    sandbox.write("blue.json", blue);
    let (red, blue) = (format!("{RED}=red.json"), format!("{BLUE}=blue.json"));
    for generation in ["v1alpha2", "v2alpha1"] {
        let select = |other: &str| {
            sandbox.write("set.yaml", set(generation, &[(RED, "app"), (BLUE, other)]));
            let args = ["--json", "catalog", "select", "--image-set", "set.yaml"];
            let catalogs = ["--catalog", &red, "--catalog", &blue];
            sandbox.run(&[&args[..], &catalogs].concat()).ok().json()
        };
        let names = |said: &Value| -> Vec<String> {
            let bundles = said["bundles"].as_array().unwrap().iter();
            bundles
                .map(|b| b["name"].as_str().unwrap().to_owned())
                .collect()
        };
        let said = select("base");
        assert_eq!(names(&said), ["app.v1.0.0", "base.v2.1.0"]);
        assert_eq!(said["notes"], json!([]), "{generation}");
        let said = select("filler");
        assert_eq!(names(&said), ["app.v1.0.0", "filler.v1.0.0"]);
        let note = "registry.example.com/red:v1: app: \"app.v1.0.0\" needs base >=2.0.0, which registry.example.com/blue:v1 has, and which is not asked for: for data";
        assert_eq!(said["notes"], json!([note]), "{generation}");
    }
}

#[test]
fn catalogs_of_all_image_sets_of_a_site_are_chosen_from_together() {
    let mut layout = ImageLayout::new();
    layout.release("4.13.1");
    let image = layout.program("registry.example.com/program");
    let blue = operator("base", "2.1.0", &image, Value::Null)
        + &operator("filler", "1.0.0", &image, Value::Null);
    layout.catalog(RED, &[("configs/app/catalog.json", &app(&image))]);
    layout.catalog(BLUE, &[("configs/all.json", &blue)]);
    let Some(registry) = layout.registry() else {
        return;
    };
    let red = set("v2alpha1", &[(RED, "app")]);
    let blue = set("v1alpha2", &[(BLUE, "base")]);
    let sets = [("red.yaml", red.as_str()), ("blue.yaml", blue.as_str())];
    let sandbox = site_of("4.13.1", &sets, registry.address);
    let said = sandbox.run(&["mirror"]).ok();
    assert!(!said.stderr.contains("needs"), "{said}");
    assert_eq!(of_role(&lock(&sandbox), "catalog").len(), 2);
    sandbox.write("blue.yaml", set("v1alpha2", &[(BLUE, "filler")]));
    sandbox.run(&["mirror"]).ok().says(&format!(
        "{NEEDS}, which registry.example.com/blue:v1 has, and which is not asked for: for data"
    ));
    // Problems are those of their own file.
    sandbox.write("blue.yaml", set("v1alpha2", &[(BLUE, "nothing")]));
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("1 problem in blue.yaml")
        .says("blue.yaml:6:16: mirror.operators[0].packages[0]: the package \"nothing\" is not in");
}
