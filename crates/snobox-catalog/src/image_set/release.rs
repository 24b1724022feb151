//! `mirror.platform`: which releases are asked for.

use std::collections::HashMap;

use snobox_formats::reference::ImageRef;
use snobox_plan::ask::Field;

use super::operators::bounds;
use super::read::{Reading, given, place};
use super::{Platform, ReleaseChannel, Rules};

pub(super) const ARCHITECTURES: &str = "amd64, arm64, ppc64le, s390x or multi";

pub(super) fn architecture(reading: &mut Reading, field: &Field<'_>) -> Option<String> {
    let words = ["amd64", "arm64", "ppc64le", "s390x", "multi"].map(|word| (word, word));
    field
        .one_of(&mut reading.problems, &words)
        .map(str::to_owned)
}

pub(super) fn platform(reading: &mut Reading, field: &Field<'_>, rules: Rules) -> Option<Platform> {
    let known: &[&str] = match rules {
        Rules::V1 => &["graph", "architectures", "channels"],
        Rules::V2 => &[
            "graph",
            "architectures",
            "platforms",
            "release",
            "kubeVirtContainer",
            "channels",
        ],
    };
    let fields = field.fields(&mut reading.problems, known, &[])?;
    if reading.flag(&fields, "graph")
        && let Some(graph) = fields.optional("graph")
    {
        reading.note(
            &graph,
            "the image of the update graph is not brought: a single node runs no update service",
        );
    }
    let architectures: Vec<String> = reading
        .items(&fields, "architectures")
        .iter()
        .filter_map(|item| architecture(reading, item))
        .collect();
    let platforms = reading.platforms(&fields, rules);
    if let (Some(_), Some(both)) = (
        fields.optional("architectures"),
        fields.optional("platforms"),
    ) {
        reading.refuse(
            &both,
            "architectures and platforms exclude each other",
            "keep platforms, which names the same architectures",
        );
    }
    let allowed = "a payload image by digest or tag, such as quay.io/openshift-release-dev/ocp-release@sha256:…";
    let release = given(&fields, "release").and_then(|f| {
        let named = |r: &ImageRef| r.tag().is_some() || r.digest().is_some();
        f.parsed(&mut reading.problems, allowed, |t| {
            t.parse().ok().filter(named)
        })
    });
    let kube_virt_container = reading.flag(&fields, "kubeVirtContainer");
    let mut seen = HashMap::new();
    let mut channels = Vec::new();
    for item in reading.items(&fields, "channels") {
        channels.extend(channel(reading, &item, &mut seen));
    }
    Some(Platform {
        architectures,
        platforms,
        release,
        kube_virt_container,
        channels,
    })
}

fn channel(
    reading: &mut Reading,
    item: &Field<'_>,
    seen: &mut HashMap<String, usize>,
) -> Option<ReleaseChannel> {
    let known = [
        "name",
        "type",
        "minVersion",
        "maxVersion",
        "shortestPath",
        "full",
    ];
    let fields = item.fields(&mut reading.problems, &known, &[])?;
    let allowed = "a channel such as stable-4.13";
    fields.required(&mut reading.problems, "name", allowed)?;
    let name = reading.text(&fields, "name", allowed)?;
    reading.once(seen, item, "the channel", &name);
    let is_okd = given(&fields, "type").is_some_and(|f| {
        f.one_of(&mut reading.problems, &[("ocp", false), ("okd", true)]) == Some(true)
    });
    let range = bounds(reading, &fields);
    Some(ReleaseChannel {
        place: range.place.unwrap_or_else(|| place(item)),
        max_place: range.max_place,
        name,
        is_okd,
        bounds: range.bounds,
        shortest_path: reading.flag(&fields, "shortestPath"),
        full: reading.flag(&fields, "full"),
    })
}
