//! What makes a cluster show the operators of its cache, and no others: manifests for the installer, out of the lock.
//!
//! * `OperatorHub` switches the catalogs off that every cluster has and that cannot be reached;
//! * one `CatalogSource` (OLM) for each catalog, and from 4.18 on one `ClusterCatalog` (OLM v1).
//!
//! Names are those of oc-mirror: `cs-` or `cc-`, the catalog's last word, its tag. Mirror sets are not among them: digest mirrors go into install-config, and
//! what goes by tag depends on what the installer made of these. Why: `docs/adr/0015-catalog-images.md`.

mod template;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use snobox_formats::reference::ImageRef;

use crate::install_config::Manifest;
use crate::lock::{Lock, LockedCatalog, Role};

pub use template::Template;

const SOURCE_VERSION: &str = "operators.coreos.com/v1alpha1";
const SOURCE_KIND: &str = "CatalogSource";
/// Where catalogs are that the whole cluster sees.
const NAMESPACE: &str = "openshift-marketplace";
/// The first minor release of 4 with OLM v1.
const OLM_V1: u32 = 18;
/// Objects of a cluster have names of up to so many characters where pods are named after them.
const MAX_NAME: usize = 60;

/// The manifests; none where no image set chooses operators. `templates` has the user's own by the names of catalogs.
pub fn manifests(lock: &Lock, templates: &BTreeMap<String, Template>) -> Vec<Manifest> {
    if lock.catalogs.is_empty() {
        return Vec::new();
    }
    let mut all = vec![manifest("operatorhub", &operator_hub())];
    let has_v1 = minor(&lock.release.version).is_some_and(|minor| minor >= OLM_V1);
    for catalog in &lock.catalogs {
        let image = image(lock, catalog);
        let source = match templates.get(&catalog.name) {
            Some(template) => template.filled(&format!("cs-{}", catalog.name), &image),
            None => catalog_source(catalog, &image),
        };
        all.push(manifest(
            &format!("catalogsource-{}", catalog.name),
            &source,
        ));
        if has_v1 {
            let cluster_catalog = cluster_catalog(catalog, &image);
            all.push(manifest(
                &format!("clustercatalog-{}", catalog.name),
                &cluster_catalog,
            ));
        }
    }
    all
}

/// A name for a catalog as oc-mirror makes it: the last word of the repository and the tag, in letters that objects' names may have.
pub fn catalog_name(repository: &str, tag: &str) -> String {
    let last = repository.rsplit('/').next().unwrap_or(repository);
    let name: String = format!("{last}-{tag}")
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(MAX_NAME)
        .collect();
    name.trim_matches('-').to_owned()
}

/// By the digest that the lock has: what the cache holds under the tag is no other.
fn image(lock: &Lock, catalog: &LockedCatalog) -> ImageRef {
    let found = lock
        .images
        .iter()
        .find(|image| image.role == Role::Catalog && image.reference == catalog.served);
    match found {
        Some(image) => catalog.served.pinned(image.digest),
        None => catalog.served.clone(),
    }
}

fn minor(version: &str) -> Option<u32> {
    let (_, rest) = version.split_once('.')?;
    rest.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn manifest(name: &str, object: &Value) -> Manifest {
    Manifest {
        name: format!("99-snobox-{name}.yaml"),
        text: format!("{object:#}\n"),
    }
}

fn operator_hub() -> Value {
    json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": "OperatorHub",
        "metadata": {"name": "cluster"},
        "spec": {"disableAllDefaultSources": true},
    })
}

fn catalog_source(catalog: &LockedCatalog, image: &ImageRef) -> Value {
    json!({
        "apiVersion": SOURCE_VERSION,
        "kind": SOURCE_KIND,
        "metadata": {"name": format!("cs-{}", catalog.name), "namespace": NAMESPACE},
        "spec": {
            "sourceType": "grpc",
            "image": image.to_string(),
            "displayName": format!("Operators of the cache ({})", catalog.name),
            "publisher": "snobox",
            // As the catalogs that every cluster has; it needs nothing but a temporary folder.
            "grpcPodConfig": {"securityContextConfig": "restricted"},
        },
    })
}

fn cluster_catalog(catalog: &LockedCatalog, image: &ImageRef) -> Value {
    json!({
        "apiVersion": "olm.operatorframework.io/v1",
        "kind": "ClusterCatalog",
        "metadata": {"name": format!("cc-{}", catalog.name)},
        "spec": {
            "priority": 0,
            "source": {"type": "Image", "image": {"ref": image.to_string()}},
        },
    })
}
